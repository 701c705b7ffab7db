# Copyright (c) 2026, atlasops.access contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  access_token:
    description:
      - A bearer token minted elsewhere, for example once per play.
      - Defaults to the environment variable E(MONGODB_ATLAS_ACCESS_TOKEN).
      - If more than one credential is set, O(access_token) is used before O(client_id), and that before O(public_key).
      - An empty string or null counts as unset, here and in every option of a module that is text, a list or a map.
    type: str
  client_id:
    description:
      - The id of a service account, V(mdb_sa_id_...). Recommended.
      - Defaults to the environment variable E(MONGODB_ATLAS_CLIENT_ID).
      - One token is minted for a task and revoked at its end.
    type: str
  client_secret:
    description:
      - The secret of the service account.
      - Defaults to the environment variable E(MONGODB_ATLAS_CLIENT_SECRET).
    type: str
  public_key:
    description:
      - The public key of an API key.
      - Defaults to the environment variable E(MONGODB_ATLAS_PUBLIC_API_KEY), or E(MONGODB_ATLAS_PUBLIC_KEY).
    type: str
  private_key:
    description:
      - The private key of the API key.
      - Defaults to the environment variable E(MONGODB_ATLAS_PRIVATE_API_KEY), or E(MONGODB_ATLAS_PRIVATE_KEY).
    type: str
  base_url:
    description:
      - The address of Atlas. For Atlas for Government it is V(https://cloud.mongodbgov.com).
      - Defaults to the environment variable E(MONGODB_ATLAS_BASE_URL), and without it to
        V(https://cloud.mongodb.com).
      - Plain http is accepted for a loopback address only. Redirects are not followed.
    type: str
  timeout:
    description:
      - Seconds that one request may take as a whole, from its start to the last byte of the answer. At most half of
        them pass without a sign of life from Atlas.
      - A request that takes longer counts as failed. If it reads it is made again; if it writes, the project is read to
        see whether it took effect.
    type: float
    default: 60
  max_connections:
    description: Requests under way at once, 100 at most. Within one project it is one at a time.
    type: int
    default: 8
  max_wait:
    description:
      - Seconds that one step may wait in all, such as one write with the reads that settle whether it took effect, or
        the reading of one list. Waits for rate limits, for a service that fails and for lists that lag behind count
        together; the time of the requests themselves is bounded by O(timeout).
      - A wait that would be longer than what is left is not begun. V(0) waits for nothing.
      - A project that has to wait does not hold up the others.
      - A task that is told to stop, by the signals INT, TERM or HUP, waits no longer. It takes no further step, gives
        its token back and fails with what was done.
    type: float
    default: 300
requirements:
  - requests (Python library) on the host that executes the module
notes:
  - Run it where Atlas can be reached, which is C(localhost) in most plays. Proxies and certificates are taken from the
    environment variables that requests knows, such as E(HTTPS_PROXY) and E(REQUESTS_CA_BUNDLE).
"""
