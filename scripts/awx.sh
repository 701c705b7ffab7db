#!/usr/bin/env bash
# The AWX kit with the real modules of awx.awx: against a stand-in of the server, and against a real one, if URL names
# one. The collection comes from the package `ansible`, since nothing of Galaxy is needed for all else here.
#   make awx                                        the stand-in
#   CONTROLLER_OAUTH_TOKEN=... make awx URL=https://awx.example
set -euo pipefail
. "$(dirname "$0")/env.sh"

PACKAGE=ansible==12.3.0
if [ ! -d "$VENV/awx/ansible_collections/awx/awx" ]; then
    wheels=$(mktemp -d)
    trap 'rm -rf "$wheels"' EXIT
    if python -m pip download -q --no-deps -d "$wheels" "$PACKAGE"; then
        python -m zipfile -e "$wheels"/*.whl "$wheels/all"
        mkdir -p "$VENV/awx/ansible_collections"
        mv "$wheels/all/ansible_collections/awx" "$VENV/awx/ansible_collections/awx"
    else
        echo "The package $PACKAGE, which holds awx.awx, can't be had here, so nothing was tried."
        exit 77
    fi
fi
AWX_URL=${1:-} exec python -m pytest -q -rs tests/awx tests/unit/awx
