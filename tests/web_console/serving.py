"""The console's application as a process of its own: `python -m tests.web_console.serving <settings as JSON>`."""

import sys

import msgspec
import uvicorn

from backend.app import create_app
from backend.settings import Settings
from web_console.router import router


def main() -> None:
    settings = msgspec.json.decode(sys.argv[1], type=Settings, dec_hook=lambda kind, value: kind(value))
    app = create_app(settings, route_handlers=[router])
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")


if __name__ == "__main__":
    main()
