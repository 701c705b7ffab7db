#!/usr/bin/env bash
# Prints the path of the newest suitable Python (3.13 down to 3.10, then whatever python3 is), or says in one sentence
# what is missing. `find_python.sh 3.11` asks for that one version, and says nothing when it isn't here.
# Every candidate is run: pyenv puts names on PATH that answer "command not found" when called.
set -euo pipefail

EXACT=${1:-}

candidates() {
    local version
    if [ -n "${PYTHON:-}" ] && [ -z "$EXACT" ]; then
        echo "$PYTHON"
        return
    fi
    for version in ${EXACT:-3.13 3.12 3.11 3.10}; do
        echo "python$version"
        ls -1d "${PYENV_ROOT:-${REAL_HOME:-${HOME:-}}/.pyenv}/versions/$version".*/bin/python3 2>/dev/null || true
    done
    echo python3
}

# Answers "ok PATH", "old VERSION" or "bare VERSION" (no venv or no ensurepip), or nothing if it cannot be run.
probe() {
    "$1" -I -c '
import sys
exact = sys.argv[1]
version = "%d.%d" % sys.version_info[:2]
if version != exact if exact else sys.version_info < (3, 10):
    print("old " + version)
else:
    try:
        import ensurepip, venv
        print("ok " + sys.executable)
    except ImportError:
        print("bare " + version)
' "$EXACT" </dev/null 2>/dev/null || true
}

main() {
    local name answer bare="" old=""
    while read -r name; do
        answer=$(probe "$name")
        case $answer in
        "ok "*)
            echo "${answer#ok }"
            return 0
            ;;
        "bare "*) bare=${bare:-${answer#bare }} ;;
        "old "*) old=${old:-${answer#old }} ;;
        esac
    done < <(candidates)
    if [ -n "$EXACT" ]; then
        :
    elif [ -n "${PYTHON:-}" ] && [ -z "$bare$old" ]; then
        echo "PYTHON=$PYTHON cannot be run." >&2
    elif [ -n "$bare" ]; then
        echo "Python $bare is here, but without venv and ensurepip: install its venv package (Debian and Ubuntu: apt install python3-venv) and try again." >&2
    elif [ -n "$old" ]; then
        echo "Python 3.10 or newer is needed and only $old was found: install a newer one, or name it with PYTHON=/path/to/python3." >&2
    else
        echo "Python 3.10 or newer is needed and none was found: install it, or name it with PYTHON=/path/to/python3." >&2
    fi
    return 1
}

main
