#!/usr/bin/env bash
# Arguments go to tests/benchmark/run.py; what it finds is written to build/.
set -euo pipefail
. "$(dirname "$0")/env.sh"

"$ROOT/scripts/setup.sh" bench
"$ROOT/scripts/npm.sh" || echo "npm could not install the clients for Node.js: they do not take part"
mkdir -p "$BUILD"
export MPLCONFIGDIR=$VENV/cache/matplotlib
PYTHONPATH=tests exec "$VENV/bin/python" tests/benchmark/run.py "$@"
