"""The embedded hub alone, as a process of its own: `python -m qixun.bench.hub DATA_DIR PORT NAME:PASSWORD`."""

import sys
from pathlib import Path

import uvicorn

from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub


def main() -> None:
    data_dir, port, administrator = sys.argv[1:]
    name, _, password = administrator.partition(":")
    app = hub_app(Hub(Path(data_dir), (name, password), dict))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", lifespan="off", ws="none")


if __name__ == "__main__":
    main()
