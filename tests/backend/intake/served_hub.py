"""A hub of its own, as QIXUN_COUCHDB_URL names one: `python served_hub.py DATA_DIR PORT KEYS_DIR`.

Tokens are checked by the backend's keys, read where the backend keeps them.
"""

import sys
from pathlib import Path

import uvicorn

from backend.accounts.keys import SigningKeys
from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub

data_dir, port, keys_dir = sys.argv[1:]
keys = SigningKeys(Path(keys_dir))


def token_keys() -> dict[str, str]:
    keys.reload()
    return keys.token_pems()


hub = Hub(Path(data_dir), ("admin", "adminpw"), token_keys)
uvicorn.run(hub_app(hub, ""), host="127.0.0.1", port=int(port), log_level="warning", lifespan="off", ws="none")
