# shellcheck shell=bash
# Sourced by every script here: where things are, and an environment that touches nothing outside this repository.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VENV=$ROOT/.venv
BUILD=$ROOT/build
cd "$ROOT" || exit 1

# The caller's home is still read where that is harmless and useful: pyenv's Pythons, pip's settings.
export REAL_HOME=${REAL_HOME:-${HOME:-/nonexistent}}

export HOME=$VENV/home
export XDG_CACHE_HOME=$HOME/.cache XDG_CONFIG_HOME=$HOME/.config XDG_DATA_HOME=$HOME/.local/share
export PIP_CACHE_DIR=$VENV/cache/pip UV_CACHE_DIR=$VENV/cache/uv npm_config_cache=$VENV/cache/npm
export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_PYTHON_DOWNLOADS=never
export HYPOTHESIS_STORAGE_DIRECTORY=$BUILD/hypothesis

# The caller's settings, and above all the caller's Atlas, stay out of demos and tests.
for name in ${!ANSIBLE_@} ${!MONGODB_ATLAS_@}; do
    case $name in ANSIBLE_NOCOLOR | ANSIBLE_FORCE_COLOR) ;; *) unset "$name" ;; esac
done
# The simulated Atlas is on loopback, whatever proxy leads to the world.
export NO_PROXY=${NO_PROXY:+$NO_PROXY,}127.0.0.1,localhost no_proxy=${no_proxy:+$no_proxy,}127.0.0.1,localhost

export ANSIBLE_HOME=$HOME/.ansible
export ANSIBLE_COLLECTIONS_PATH=$VENV/collections
# Modules run on the Python that has `requests`, not on the first name that discovery meets.
export ANSIBLE_PYTHON_INTERPRETER=${TARGET_PYTHON:-$VENV/bin/python}
export ANSIBLE_NOCOWS=1 ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_INVENTORY_UNPARSED_WARNING=False

# Compiled files make every start of Ansible about a second quicker; some machines turn them off.
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV

# pyenv's shims answer for Pythons that are not there, so they go; what they stand for is found by its real path.
shims=$(printf '%s' "$PATH" | tr ':' '\n' | grep -m 1 '/\.\?pyenv/shims' || true)
export PYENV_ROOT=${PYENV_ROOT:-${shims:+${shims%/shims*}}}
PYENV_ROOT=${PYENV_ROOT:-$REAL_HOME/.pyenv}
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v '/\.\?pyenv/shims' | paste -sd: -)
export PATH=$VENV/bin:$PATH

# The made-up service account of the demo's world.
# shellcheck disable=SC2034  # used by those who source this
{
    DEMO_WORLD=tests/simulator/worlds/demo.yml
    DEMO_CLIENT_ID=mdb_sa_id_d0d0d0d0d0d0d0d0d0d0d0d0
    DEMO_CLIENT_SECRET=mdb_sa_sk_demo-only
}

say() { printf '\n== %s\n' "$*"; }
die() {
    printf '%s\n' "$*" >&2
    exit 1
}
