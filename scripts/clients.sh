#!/usr/bin/env bash
# Holds the simulated Atlas against clients that others made for the real one. What it needs is installed on demand,
# in .venv/clients. Arguments go to pytest.
set -euo pipefail
. "$(dirname "$0")/env.sh"

PLACE=$VENV/clients
PACKAGES="mongodb-atlas-api-client@4 mongodb-mcp-server@3"

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

# Without npm the tests of its clients skip and say so. Nothing that a package brings is run on installing it.
install_npm() {
    command -v npm >/dev/null || return 0
    [ ! -f "$PLACE/npm/ready" ] || [ "$(cat "$PLACE/npm/ready")" != "$PACKAGES" ] || return 0
    echo "Installing $PACKAGES"
    mkdir -p "$PLACE/npm"
    # npm's own settings (a mirror, a certificate) are the caller's business.
    # shellcheck disable=SC2086  # several packages
    npm_config_userconfig=$REAL_HOME/.npmrc npm install --prefix "$PLACE/npm" \
        --silent --no-audit --no-fund --ignore-scripts $PACKAGES
    printf '%s\n' "$PACKAGES" >"$PLACE/npm/ready"
}

"$ROOT/scripts/setup.sh" test
install_python
install_npm
exec "$PLACE/bin/python" -m pytest -p no:cacheprovider "${@:-tests/clients}"
