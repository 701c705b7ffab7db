#!/usr/bin/env bash
# Makes .venv with what is asked for: `setup.sh demo`, `setup.sh test` or `setup.sh dev`, each including the former;
# `setup.sh bench`, which includes test; `setup.sh docs`. Happens once; again when a requirements file changes.
set -euo pipefail
. "$(dirname "$0")/env.sh"

LEVEL=${1:-dev}

# The requirements files of a level, as they were when it was last installed.
wanted() {
    cat requirements.txt requirements-demo.txt
    case $LEVEL in test) cat requirements-test.txt ;; dev | bench) cat requirements-test.txt "requirements-$LEVEL.txt" ;; docs) cat requirements-docs.txt ;; esac
}

is_current() {
    local level
    for level in demo test dev bench docs; do
        # A richer level serves a plainer one.
        case $LEVEL:$level in
        "$level:$level" | demo:test | demo:dev | demo:bench | test:dev | test:bench) ;;
        *) continue ;;
        esac
        if [ -x "$VENV/bin/python" ] && [ -f "$VENV/installed-$level" ] &&
            [ "$(LEVEL=$level wanted)" = "$(cat "$VENV/installed-$level")" ] && "$VENV/bin/python" -c '' 2>/dev/null; then
            return 0
        fi
    done
    return 1
}

make_venv() {
    local python
    [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1 && return 0
    python=$("$ROOT/scripts/find_python.sh") || exit 1
    echo "Making .venv with $("$python" --version) ($python)"
    rm -rf "$VENV"
    "$python" -m venv "$VENV"
}

# pip's own settings (a mirror, a certificate) are the caller's business and are read from the caller's home.
link_settings() {
    mkdir -p "$HOME/.config" "$ANSIBLE_HOME"
    if [ -d "$REAL_HOME/.config/pip" ] && [ ! -e "$HOME/.config/pip" ]; then
        ln -s "$REAL_HOME/.config/pip" "$HOME/.config/pip"
    fi
    if [ -d "$REAL_HOME/.pip" ] && [ ! -e "$HOME/.pip" ]; then
        ln -s "$REAL_HOME/.pip" "$HOME/.pip"
    fi
}

# uv is some five times as fast as pip; where it cannot be had or cannot reach the index, pip does the same.
install_requirements() {
    local file=requirements-$LEVEL.txt
    echo "Installing $file"
    if "$VENV/bin/python" -m pip install -q uv >"$VENV/uv.log" 2>&1 &&
        "$VENV/bin/uv" pip install -q --compile-bytecode --python "$VENV/bin/python" -r "$file" 2>>"$VENV/uv.log"; then
        return 0
    fi
    echo "uv could not do it (see .venv/uv.log); trying pip, which takes longer"
    "$VENV/bin/python" -m pip install -q -r "$file"
}

# Ansible finds a collection only under ansible_collections/NAMESPACE/NAME. One relative link gives this clone,
# wherever it lies, that name.
link_collection() {
    mkdir -p "$VENV/collections/ansible_collections/atlasops"
    ln -sfn ../../../.. "$VENV/collections/ansible_collections/atlasops/access"
}

main() {
    is_current && return 0
    # Two commands started at once wait for each other.
    mkdir -p "$BUILD"
    if command -v flock >/dev/null; then
        exec 9>"$BUILD/setup.lock"
        flock 9
        is_current && return 0
    fi
    make_venv
    link_settings
    install_requirements
    link_collection
    # What was fetched is installed; kept as well, it would be most of .venv.
    rm -rf "$PIP_CACHE_DIR" "$UV_CACHE_DIR"
    wanted >"$VENV/installed-$LEVEL"
    "$VENV/bin/python" -c 'from importlib.metadata import version; print("Ready: ansible-core", version("ansible-core"))'
}

main
