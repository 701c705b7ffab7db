#!/usr/bin/env bash
# Shows the collection at work against a simulated Atlas: a dry run, the clean-up itself, and the proof that a second
# clean-up finds nothing left to do.
set -euo pipefail
. "$(dirname "$0")/env.sh"

SCRATCH=$(mktemp -d)
SIMULATOR=""

stop() {
    [ -z "$SIMULATOR" ] || kill "$SIMULATOR" 2>/dev/null || true
    [ -z "$SIMULATOR" ] || wait "$SIMULATOR" 2>/dev/null || true
    rm -rf "$SCRATCH"
}

start_simulator() {
    local tries=0
    PYTHONPATH=tests "$VENV/bin/python" -m simulator --world "$DEMO_WORLD" \
        --port 0 --url-file "$SCRATCH/url" >"$SCRATCH/log" 2>&1 </dev/null &
    SIMULATOR=$!
    until [ -s "$SCRATCH/url" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ] || ! kill -0 "$SIMULATOR" 2>/dev/null; then
            cat "$SCRATCH/log" >&2
            die "The simulated Atlas did not start."
        fi
        sleep 0.1
    done
    MONGODB_ATLAS_BASE_URL=$(tr -d '[:space:]' <"$SCRATCH/url")
    export MONGODB_ATLAS_BASE_URL
}

# play NAME OPTION...: one run, with its evidence in build/demo/NAME.
play() {
    local evidence=$BUILD/demo/$1
    shift
    DEMO_EVIDENCE=$evidence ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_SKIPPED_HOSTS=False \
        "$VENV/bin/ansible-playbook" scripts/demo.yml "$@" </dev/null
}

main() {
    "$ROOT/scripts/setup.sh" demo
    rm -rf "$BUILD/demo"
    mkdir -p "$BUILD/demo"
    trap stop EXIT
    trap 'exit 130' INT TERM
    start_simulator
    export MONGODB_ATLAS_CLIENT_ID=$DEMO_CLIENT_ID MONGODB_ATLAS_CLIENT_SECRET=$DEMO_CLIENT_SECRET

    say "1 of 3: dry run. What would be taken away, and why? Nothing is written to Atlas."
    play 1-dry-run --check --diff
    say "2 of 3: the same for real."
    play 2-clean-up
    say "3 of 3: once more. Nothing is left to do, so nothing changes."
    play 3-again

    say "The evidence is in build/demo. The report of the clean-up, for a browser: $BUILD/demo/2-clean-up/latest/review.html"
}

main
