#!/usr/bin/env bash
# What CI runs beyond the tests. Each stage is a function stage_NAME; `check.sh NAME...` runs only those.
# A stage prints one line; its output is in build/logs/NAME.log, the end of which is shown when it fails.
# A stage that returns 77 was skipped; the last line of its log says why. Two run at a time: half of them use one core.
set -euo pipefail
. "$(dirname "$0")/env.sh"

# What must hold for every change. The oldest ansible-core runs the laws, the secrets at the highest verbosity, the role and
# the guides, 2.18 what make test runs of these, the newest everything; those between have to do with less, once a week.
STAGES="style types licences docs changelog sanity ansible_2_16 sanity_2_16 plays ansible_2_18 site lint package lint_installed galaxy builder ansible_newest demo"
# What takes long and seldom finds more: once a week, and before a release. `make check ONLY=everything` runs both.
OPTIONAL="faults plays_2_16 sanity_2_18 sanity_2_19 sanity_2_20 ansible_2_19 ansible_2_20 units_2_16 units_2_18 units_2_19 units_2_20 mutants prerelease"
LOGS=$BUILD/logs
SKIPPED=77

# --- what the stages share ------------------------------------------------------------------------------------------

skip() {
    echo "$*"
    exit $SKIPPED
}

# The tools must see what a release would hold, under ansible_collections/, and outside this clone: ansible-test finds
# no files at all, and is content, in a folder that git ignores. Uncommitted work is taken along.
export_tree() {
    TREE=$(mktemp -d)
    trap 'rm -rf "$TREE"' EXIT
    COLLECTION=$TREE/ansible_collections/atlasops/access
    mkdir -p "$COLLECTION"
    # git may refuse a clone of another owner unless the caller's own settings allow it.
    HOME=$REAL_HOME git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar --null -T - -cf - | tar -C "$COLLECTION" -xf -
}

# in_turn NAME COMMAND...: what two stages would make makes the first of them, while the other waits.
in_turn() {
    local lock=$BUILD/$1.lock
    shift
    (
        if has_flock; then
            exec 9>"$lock"
            flock 9
        fi
        "$@"
    )
}

has_flock() { command -v flock >/dev/null; }

# cell NAME PYTHON REQUIREMENT...: an environment of its own under .venv/cells, made once.
cell() { in_turn "cell-$1" make_cell "$@"; }

make_cell() {
    local name=$1 version=$2 python dir
    shift 2
    dir=$VENV/cells/$name
    [ ! -f "$dir/ready" ] || [ "$(cat "$dir/ready")" != "$* $(cat requirements*.txt)" ] || return 0
    python=$(scripts/find_python.sh "$version") || skip "Python $version is not here"
    rm -rf "$dir"
    "$python" -m venv "$dir"
    if [ -x "$VENV/bin/uv" ] && "$VENV/bin/uv" pip install -q --compile-bytecode --python "$dir/bin/python" "$@"; then
        :
    else
        "$dir/bin/python" -m pip install -q "$@"
    fi
    echo "$* $(cat requirements*.txt)" >"$dir/ready"
}

# --- stages ---------------------------------------------------------------------------------------------------------

stage_style() {
    ruff check .
    shellcheck -x -P SCRIPTDIR scripts/*.sh .ci/run
}

stage_types() {
    mypy -p ansible_collections.atlasops.access.plugins.module_utils
}

# Whose each file is and under which licence, for people and for tools.
stage_licences() {
    cd "$COLLECTION"
    reuse lint
}

stage_docs() {
    antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck --validate-collection-refs=self "$COLLECTION"
}

# The site that `make docs` builds, without a warning. In a place of its own, as its tools ask for much.
stage_site() {
    scripts/docs.sh
}

stage_changelog() {
    cd "$COLLECTION"
    antsibull-changelog lint
    antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml
}

stage_lint() {
    cd "$COLLECTION"
    ANSIBLE_COLLECTIONS_PATH=$TREE ansible-lint --offline --nocolor --profile production
}

# The tarball in build/dist, installed somewhere else, which becomes what Ansible finds. Made once for all stages.
install_release() {
    export ANSIBLE_COLLECTIONS_PATH=$TREE/installed
    INSTALLED=$TREE/installed/ansible_collections/atlasops/access
    in_turn release make_release
}

make_release() {
    [ ! -f "$INSTALLED/MANIFEST.json" ] || return 0
    rm -rf "$BUILD/dist"
    ansible-galaxy collection build "$COLLECTION" --output-path "$BUILD/dist"
    ansible-galaxy collection install --offline -p "$TREE/installed" "$BUILD"/dist/*.tar.gz
}

# Are all parts in the release, and nothing that isn't wanted?
stage_package() {
    local plugin kind playbook documented=0
    install_release
    tar -tzf "$BUILD"/dist/*.tar.gz | sort >"$TREE/contents"
    cat "$TREE/contents"
    if grep -E '^(tests|scripts|build|collections|\.|Makefile|pyproject|requirements-)' "$TREE/contents" | grep -vx '\.ansible-lint'; then
        echo "These files do not belong in a release: see build_ignore in galaxy.yml."
        return 1
    fi
    cd "$TREE"
    for plugin in "$INSTALLED"/plugins/{modules,inventory}/*.py; do
        [ -e "$plugin" ] || continue
        case $plugin in */modules/*) kind=module ;; *) kind=inventory ;; esac
        ansible-doc -t "$kind" "atlasops.access.$(basename "$plugin" .py)" >/dev/null
        documented=$((documented + 1))
        echo "documented: $kind $(basename "$plugin" .py)"
    done
    [ "$documented" -gt 0 ]
    for playbook in "$INSTALLED"/playbooks/*.yml; do
        [ -e "$playbook" ] || continue
        # Only for those who have awx.awx.
        case $playbook in */awx_setup.yml) continue ;; esac
        ansible-playbook --syntax-check "atlasops.access.$(basename "$playbook" .yml)"
    done
}

# What somebody sees who installs the release and lints it where it is.
stage_lint_installed() {
    install_release
    cd "$INSTALLED"
    ansible-lint --offline --nocolor --profile production 2>&1 | tee "$TREE/lint.log"
    # A run that found no files passes too.
    grep -q 'Passed: 0 failure(s), 0 warning(s) in [1-9]' "$TREE/lint.log"
}

# The import of Galaxy. It ends well with warnings, of which only those of style are not for it to say: ruff does. What
# its own ansible-lint would say, lint_installed says, and more.
stage_galaxy() {
    local version
    version=$("$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    # In a place of its own, for it asks for old versions of what the other tools use.
    cell galaxy "$version" 'galaxy-importer>=0.4.44,<1'
    export PATH=$VENV/cells/galaxy/bin:$PATH
    install_release
    cd "$TREE"
    GALAXY_IMPORTER_RUN_FLAKE8=1 GALAXY_IMPORTER_RUN_ANSIBLE_LINT=0 GALAXY_IMPORTER_RUN_ANSIBLE_TEST=0 \
        python -m galaxy_importer.main "$BUILD"/dist/*.tar.gz | tee "$TREE/galaxy.log"
    grep -q '^Importer processing completed successfully$' "$TREE/galaxy.log"
    if grep -E '^(WARNING|ERROR|CRITICAL)' "$TREE/galaxy.log" | grep -vE '^WARNING: [^ ]+:[0-9]+:[0-9]+: [EFW][0-9]+ '; then
        echo "Galaxy would not be content."
        return 1
    fi
}

# What an execution environment would install for us.
stage_builder() {
    ansible-builder introspect "$TREE" | tee "$TREE/introspected"
    grep -q '^ *- .*requests' "$TREE/introspected"
}

# ansible-test fetches get-pip.py from a host that machines behind a package mirror cannot reach. It takes a file of
# the right name from its cache instead; ours installs the packages from wheels that pip itself got from the index.
stand_in_for_get_pip() {
    local bin=$1 cache=$HOME/.ansible/test/cache packages version
    # What this ansible-test wants, "pip==25.2" first; older ones want setuptools and wheel too.
    packages=$("$bin/python" -c '
import sys, types
from ansible_test._internal.python_requirements import get_venv_packages
python = types.SimpleNamespace(version="%d.%d" % sys.version_info[:2])
print(*("%s==%s" % package for package in get_venv_packages(python).items()))')
    version=${packages#pip==}
    version=${version%% *}
    mkdir -p "$cache"
    cp "$ROOT/scripts/get_pip.py" "$cache/get_pip_${version//./_}.py"
    # shellcheck disable=SC2086  # several packages
    "$bin/python" -m pip download -q --no-deps -d "$cache" $packages
}

# sanity BIN PYTHON...: all sanity tests with the ansible-core of that bin folder.
sanity() {
    local bin=$1 name place missing=0
    shift
    export PATH=$bin:$VENV/py:$PATH
    # ansible-test writes into what it looks at, and another one may run beside it.
    place=$TREE/sanity-$(basename "${bin%/bin}")
    mkdir -p "$place/ansible_collections/atlasops"
    cp -R "$COLLECTION" "$place/ansible_collections/atlasops/access"
    cd "$place/ansible_collections/atlasops/access"
    if compgen -G "tests/sanity/ignore-*.txt" >/dev/null; then
        echo "There are entries in tests/sanity/ignore-*.txt; mend what they hide."
        return 1
    fi
    in_turn get-pip stand_in_for_get_pip "$bin"
    ansible-test sanity --color no "$@" 2>&1 | tee "$place/sanity.log"
    # A run that found no files is content too, so look for each test by name.
    for name in $(ansible-test sanity --list-tests 2>/dev/null); do
        # These look at kinds of files that this collection doesn't have.
        case $name in pslint | bin-symlinks) continue ;; esac
        grep -q "Running sanity test \"$name\"" "$place/sanity.log" || {
            echo "sanity test did not run: $name"
            missing=1
        }
    done
    return $missing
}

# Links to every Python that runs here, so that ansible-test compiles and imports the modules on each of them.
link_pythons() {
    local version python
    mkdir -p "$VENV/py"
    for version in 3.9 3.10 3.11 3.12 3.13; do
        if python=$(scripts/find_python.sh "$version"); then ln -sfn "$python" "$VENV/py/python$version"; fi
    done
}

stage_sanity() {
    sanity "$VENV/bin"
}

stage_sanity_2_18() { cell_2_18; sanity "$VENV/cells/2.18/bin" --python 3.12; }
stage_sanity_2_19() { cell_2_19; sanity "$VENV/cells/2.19/bin" --python 3.12; }
stage_sanity_2_20() { cell_2_20; sanity "$VENV/cells/2.20/bin" --python 3.12; }

stage_sanity_2_16() {
    # Its ansible-test trips over the way in which scripts are started from such a path.
    case $VENV in *[[:space:]]*) skip "ansible-test 2.16 cannot run from a path with a space in it" ;; esac
    cell_2_16
    sanity "$VENV/cells/2.16/bin" --python 3.11
}

# What make test leaves out, and many more of what is made by chance.
stage_faults() {
    python -m pytest -q -n auto --dist worksteal -p no:cacheprovider -m thorough tests/unit
    FAULT_EXAMPLES=300 MODEL_EXAMPLES=500 HOSTILE_EXAMPLES=500 POLICY_EXAMPLES=2000 KILLS=40 PAIRS=20 \
        python -m pytest -q -n auto --dist worksteal -p no:cacheprovider tests/unit/test_model*.py --timeout 900 \
        tests/unit/test_hostile.py tests/unit/test_policy_settles.py tests/unit/test_killed.py \
        tests/unit/test_two_at_once.py tests/unit/test_faults.py::test_any_schedule_of_faults_leaves_the_truth
}

# What make test leaves out of the browser, of all that runs Ansible, and of runs that are killed or have company: the
# guides, and variants of what it runs.
stage_plays() {
    python -m pytest -q -n auto --dist worksteal -p no:cacheprovider -m thorough tests/plays tests/browser \
        tests/unit/awx tests/unit/test_inventory.py tests/unit/test_secrets.py \
        tests/unit/test_killed.py tests/unit/test_two_at_once.py
}

# in_cell NAME PYTEST_ARGUMENT...: tests of this clone with the ansible-core of that cell. What a browser shows and what
# the simulated Atlas does is the same on each. It takes what make test takes, unless another -m is given.
in_cell() {
    export PATH=$VENV/cells/$1/bin:$PATH ANSIBLE_PYTHON_INTERPRETER=$VENV/cells/$1/bin/python
    shift
    ansible --version | sed -n 1p
    python -m pytest -q -n auto --dist worksteal -p no:cacheprovider \
        -m "not browser and not simulator and not thorough" "$@"
}

# The unit tests, the role's plays, and plays in the guides.
tests() {
    in_cell "$1" tests/unit tests/plays/test_role.py tests/plays/test_role_anywhere.py tests/plays/test_docs.py
}

# The laws; the secrets, the role's plays, and every play in the guides, none of them left out.
plays() {
    in_cell "$1" tests/unit/test_laws.py
    in_cell "$1" -m "not browser and not simulator" tests/unit/test_secrets.py tests/plays/test_plain_data.py \
        tests/plays/test_role.py tests/plays/test_role_anywhere.py tests/plays/test_docs.py
}

# The laws, and of the secrets and plays what make test runs.
fewer_plays() {
    in_cell "$1" tests/unit/test_laws.py tests/unit/test_secrets.py \
        tests/plays/test_role.py tests/plays/test_role_anywhere.py tests/plays/test_docs.py
}

# The laws, the secrets, commands, and the role from the dry run to the evidence, with and without an approval.
short_tests() {
    local role=tests/plays/test_role.py
    in_cell "$1" -m "not browser and not simulator" tests/unit/test_secrets.py tests/plays/test_adhoc.py
    in_cell "$1" tests/unit/test_laws.py $role::test_dry_run_run_and_run_again \
        $role::test_a_failure_half_way_leaves_the_evidence_of_what_was_done_and_the_next_run_does_the_rest \
        $role::test_a_tripped_guard_stops_before_the_first_write_and_the_approved_plan_passes
}

# The oldest of everything that is promised: ansible-core and requests.
cell_2_16() { cell 2.16 3.11 -r requirements-test.txt 'ansible-core~=2.16.0' 'requests==2.25.1'; }
cell_2_18() { cell 2.18 3.12 -r requirements-test.txt 'ansible-core~=2.18.0'; }
cell_2_19() { cell 2.19 3.12 -r requirements-test.txt 'ansible-core~=2.19.0'; }
cell_2_20() { cell 2.20 3.12 -r requirements-test.txt 'ansible-core~=2.20.0'; }

stage_ansible_2_16() { cell_2_16; plays 2.16; }
stage_ansible_2_18() { cell_2_18; fewer_plays 2.18; }
stage_ansible_2_19() { cell_2_19; short_tests 2.19; }
stage_ansible_2_20() { cell_2_20; short_tests 2.20; }
stage_plays_2_16() { cell_2_16; in_cell 2.16 -m thorough tests/plays; }
stage_units_2_16() { cell_2_16; tests 2.16; }
stage_units_2_18() { cell_2_18; tests 2.18; }
stage_units_2_19() { cell_2_19; tests 2.19; }
stage_units_2_20() { cell_2_20; tests 2.20; }

# Whatever comes next. It may fail for reasons that are not ours; then there is something to be said upstream.
stage_prerelease() {
    cell prerelease 3.13 -r requirements-test.txt
    "$VENV/bin/uv" pip install -q --compile-bytecode --prerelease allow --upgrade \
        --python "$VENV/cells/prerelease/bin/python" ansible-core
    short_tests prerelease
}

# Wrong changes of single lines, each of which some test must notice.
stage_mutants() {
    python tests/mutants.py
}

stage_ansible_newest() {
    "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] == (3, 13))' ||
        skip "make test itself runs on Python 3.13 and the newest ansible-core"
    cell newest 3.13 -r requirements-test.txt
    tests newest
}

# The demo as the README shows it, its modules run by the oldest Python that is promised.
stage_demo() {
    local python=3.9
    scripts/find_python.sh $python >/dev/null || python=$("$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    cell "target-$python" "$python" -r requirements.txt
    TARGET_PYTHON=$VENV/cells/target-$python/bin/python scripts/demo.sh
}

# --- running them ---------------------------------------------------------------------------------------------------

# ansible-test buries its findings among what it installs, so those are picked out.
show_failure() {
    { grep -E '^(ERROR|FATAL)' "$1" || tail -40 "$1"; } | tail -60 | sed 's/^/    /'
    echo "    The whole output: ${1#"$ROOT"/}"
}

run_stage() {
    local name=$1 began=$SECONDS result code log=$LOGS/$1.log
    # A shell of its own, outside any condition, so that `set -e` holds inside and what a stage changes ends with it.
    set +e
    (set -e; "stage_$name") >"$log" 2>&1 </dev/null
    code=$?
    set -e
    case $code in 0) result=ok ;; "$SKIPPED") result=skipped ;; *) result=FAILED ;; esac
    # At once, as another stage may end in the same moment.
    printf '%s\n' "$(
        printf '%-16s %-8s %4d s' "$name" "$result" $((SECONDS - began))
        [ "$code" != $SKIPPED ] || printf '  %s' "$(tail -1 "$log")"
        [ "$result" != FAILED ] || printf '\n%s' "$(show_failure "$log")"
    )"
    printf '%s\t%s\t%s\n' "$name" "$result" $((SECONDS - began)) >>"$BUILD/check.tsv"
}

# As groups of their own, so that all of a stage ends when this does.
run_stages() {
    local name job at_once=2
    has_flock || at_once=1
    trap 'for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done; exit 130' INT TERM HUP
    set -m
    for name in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do sleep 1; done
        run_stage "$name" &
    done
    wait
    set +m
}

main() {
    local name
    # shellcheck disable=SC2086  # the lists are meant to be split
    case "$*" in "") set -- $STAGES ;; everything) set -- $STAGES $OPTIONAL ;; esac
    for name in "$@"; do
        case " $STAGES $OPTIONAL " in
        *" $name "*) ;;
        *) die "No stage is called $name. The stages: $STAGES; seldom: $OPTIONAL; all of them: everything" ;;
        esac
    done
    "$ROOT/scripts/setup.sh" dev
    mkdir -p "$LOGS"
    : >"$BUILD/check.tsv"
    link_pythons
    export_tree
    run_stages "$@"
    rm -rf "$PIP_CACHE_DIR" "$UV_CACHE_DIR"
    if grep -q FAILED "$BUILD/check.tsv"; then die "Some stages failed."; fi
}

main "$@"
