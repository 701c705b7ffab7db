#!/usr/bin/env bash
# Builds the documentation as a site, in build/docs/html: a page for each module, plugin, role and playbook, every
# guide in docs/, and the documents of the project. Nothing is fetched; a warning fails it.
set -euo pipefail
. "$(dirname "$0")/env.sh"

SOURCE=$BUILD/docs/source

# playbook_page FILE: what its first lines say, and the play below them.
playbook_page() {
    local name
    name=$(basename "$1" .yml)
    printf '%s\n%s\n\n' "atlasops.access.$name" "$(printf 'atlasops.access.%s' "$name" | tr -c '\n' '=')"
    printf '.. code-block:: console\n\n   $ ansible-playbook atlasops.access.%s\n\n' "$name"
    # The comment at the top; what is indented in it is shown as it stands.
    awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, "") }
        /^  / { if (!code) print "\n.. code-block:: console\n"; code = 1; print "  " $0; next }
        { if (code) print ""; code = 0; print }' "$1"
    printf '\n.. literalinclude:: %s.yml\n   :language: yaml\n   :start-at: - name:\n' "$name"
}

collect() {
    local playbook
    rm -rf "$BUILD/docs"
    mkdir -p "$SOURCE"
    cp -R ./*.md CHANGELOG.rst LICENSE galaxy.yml docs playbooks roles docs/docsite/conf.py docs/docsite/index.rst \
        docs/docsite/pages.css "$SOURCE"
    mkdir -p "$SOURCE/collections"
    antsibull-docs collection --use-current --squash-hierarchy --no-indexes --dest-dir "$SOURCE/collections" atlasops.access
    # The theme shows a table of contents beside each page, and an error where there is another one.
    sed -i.bak '/^\.\. contents::/,/^$/d' "$SOURCE"/collections/*.rst "$SOURCE/CHANGELOG.rst"
    {
        printf 'Playbooks\n=========\n\n.. toctree::\n   :maxdepth: 1\n   :glob:\n\n   *\n'
    } >"$SOURCE/playbooks/index.rst"
    for playbook in playbooks/*.yml; do
        playbook_page "$playbook" >"$SOURCE/${playbook%.yml}.rst"
    done
}

main() {
    "$ROOT/scripts/setup.sh" docs
    collect
    PYTHONPATH="" sphinx-build --jobs auto --fail-on-warning --keep-going --quiet -b html "$SOURCE" "$BUILD/docs/html"
    say "The pages are in build/docs/html: $BUILD/docs/html/index.html"
}

main
