#!/usr/bin/env bash
# The browser tests use a Chromium of the system, and skip where there is none. This installs it where that is simple.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
        echo "Browser tests will use $(command -v "$name")."
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if { apt-get update && apt-get install -y --no-install-recommends chromium poppler-utils fonts-liberation; } >"$log" 2>&1 </dev/null &&
        command -v chromium >/dev/null; then
        rm -f "$log"
        echo "Browser tests will use $(command -v chromium)."
        exit 0
    fi
    tail -5 "$log"
    rm -f "$log"
fi
echo "No Chromium here and none could be installed: the browser tests will be skipped."
exit 1
