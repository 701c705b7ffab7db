#!/usr/bin/env bash
# Arguments go to tests/benchmark/run.py. What it finds is written to build/bench.json and build/bench.png.
set -euo pipefail
. "$(dirname "$0")/env.sh"

"$ROOT/scripts/setup.sh" bench
mkdir -p "$BUILD"
export MPLCONFIGDIR=$VENV/cache/matplotlib
PYTHONPATH=tests exec "$VENV/bin/python" tests/benchmark/run.py "$@"
