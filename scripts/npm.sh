#!/usr/bin/env bash
# Installs the clients that others made for Node.js, in .venv/clients/npm, for `make clients` and `make bench`.
# Without npm it does nothing: what needs them is left out and says so. Nothing that a package brings is run.
set -euo pipefail
. "$(dirname "$0")/env.sh"

PLACE=$VENV/clients/npm
PACKAGES="mongodb-atlas-api-client@4 mongodb-mcp-server@3"

command -v npm >/dev/null || exit 0
[ ! -f "$PLACE/ready" ] || [ "$(cat "$PLACE/ready")" != "$PACKAGES" ] || exit 0
echo "Installing $PACKAGES"
mkdir -p "$PLACE"
# npm's own settings (a mirror, a certificate) are the caller's business.
# shellcheck disable=SC2086  # several packages
npm_config_userconfig=$REAL_HOME/.npmrc npm install --prefix "$PLACE" \
    --silent --no-audit --no-fund --ignore-scripts $PACKAGES
printf '%s\n' "$PACKAGES" >"$PLACE/ready"
