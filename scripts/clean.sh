#!/usr/bin/env bash
# Removes what the other scripts and the tools made; nothing that git knows.
set -euo pipefail
. "$(dirname "$0")/env.sh"

rm -rf .venv build collections .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/output
find . -type d \( -name __pycache__ -o -name .mypy_cache -o -name .ruff_cache \) -prune -exec rm -rf {} +
