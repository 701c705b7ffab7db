#!/usr/bin/env bash
# All pytest tests but those that are one of very many alike (make check runs them), on all cores. Arguments go to
# pytest, which then runs whatever they name: `scripts/test.sh tests/unit -k plan`.
set -euo pipefail
. "$(dirname "$0")/env.sh"

"$ROOT/scripts/setup.sh" test
mkdir -p "$BUILD"
# Starting workers costs a second, so a few named files run faster in one process.
workers=(-n auto --dist worksteal -m "not thorough")
[ $# -eq 0 ] || workers=()
# pytest itself exits 5 when it finds no test, and that is a failure here too.
exec "$VENV/bin/pytest" ${workers[@]+"${workers[@]}"} --junitxml="$BUILD/junit.xml" -o junit_suite_name=atlasops.access "$@"
