#!/usr/bin/env bash
# A simulated Atlas in the foreground, until Ctrl-C.
set -euo pipefail
. "$(dirname "$0")/env.sh"

PORT=${PORT:-8080}
"$ROOT/scripts/setup.sh" demo
cat <<END
A simulated Atlas, until Ctrl-C. In another terminal:

  export MONGODB_ATLAS_BASE_URL=http://127.0.0.1:$PORT
  export MONGODB_ATLAS_CLIENT_ID=$DEMO_CLIENT_ID
  export MONGODB_ATLAS_CLIENT_SECRET=$DEMO_CLIENT_SECRET
  export ANSIBLE_COLLECTIONS_PATH=$ANSIBLE_COLLECTIONS_PATH
  export ANSIBLE_PYTHON_INTERPRETER=$VENV/bin/python
  $VENV/bin/ansible localhost -m atlasops.access.atlas_project_user_info

END
PYTHONPATH=tests exec "$VENV/bin/python" -m simulator --world "$DEMO_WORLD" --port "$PORT"
