"""The embedded hub as a process of its own: `python hub_process.py DATA_DIR PORT PUBLIC_KEY_FILE`."""

import sys
from pathlib import Path

import uvicorn

from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub, Limits

data_dir, port, public_key = sys.argv[1:]
hub = Hub(
    Path(data_dir),
    ("admin", "adminpw"),
    lambda: {"k1": Path(public_key).read_text()},
    limits=Limits(document_bytes=300_000, request_bytes=8_000_000),
)
uvicorn.run(hub_app(hub), host="127.0.0.1", port=int(port), log_level="warning", lifespan="off", ws="none")
