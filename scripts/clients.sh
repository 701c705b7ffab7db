#!/usr/bin/env bash
# Holds the simulated Atlas against clients that others made for the real one. What it needs is installed on demand,
# in .venv/clients. Arguments go to pytest.
set -euo pipefail
. "$(dirname "$0")/env.sh"

PLACE=$VENV/clients

install_python() {
    local wanted
    wanted=$(cat requirements*.txt)
    [ ! -f "$PLACE/ready" ] || [ "$(cat "$PLACE/ready")" != "$wanted" ] || return 0
    echo "Installing requirements-clients.txt"
    "$VENV/bin/python" -m venv --clear "$PLACE"
    "$VENV/bin/uv" pip install -q --compile-bytecode --python "$PLACE/bin/python" -r requirements-clients.txt ||
        "$PLACE/bin/python" -m pip install -q -r requirements-clients.txt
    printf '%s\n' "$wanted" >"$PLACE/ready"
}

"$ROOT/scripts/setup.sh" test
install_python
"$ROOT/scripts/npm.sh"
exec "$PLACE/bin/python" -m pytest -p no:cacheprovider "${@:-tests/clients}"
