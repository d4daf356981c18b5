"""A hub process that is killed in mid-work keeps every document it has acknowledged."""

import signal
import socket
import subprocess
import sys
import threading
import time

import requests

from sync.endpoint.hub import Hub
from tests.sync.endpoint.conftest import ADMIN

HUB = """
import sys
from pathlib import Path
import uvicorn
from sync.endpoint.app import hub_app
from sync.endpoint.hub import Hub

hub = Hub(Path(sys.argv[1]), ("admin", "adminpw"), dict)
uvicorn.run(hub_app(hub), port=int(sys.argv[2]), log_level="warning", ws="none", lifespan="off")
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until_up(root, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return requests.get(root + "/_up", timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("the hub did not start")


def test_what_was_answered_201_is_there_after_a_kill(tmp_path):
    port = free_port()
    root = f"http://127.0.0.1:{port}/sync"
    process = subprocess.Popen([sys.executable, "-c", HUB, str(tmp_path), str(port)])
    acknowledged = []
    enough = threading.Event()

    def upload(worker):
        session = requests.Session()
        session.auth = ADMIN
        for batch in range(10_000):
            names = [f"w{worker}:{batch}:{n}" for n in range(20)]
            docs = [{"_id": name, "_rev": "1-a", "k": "x" * 500} for name in names]
            try:
                answer = session.post(f"{root}/one/_bulk_docs", json={"docs": docs, "new_edits": False}, timeout=5)
            except requests.RequestException:
                return
            assert answer.status_code == 201
            acknowledged.append(names)
            if len(acknowledged) >= 60:
                enough.set()

    try:
        until_up(root, process)
        assert requests.put(root + "/one", auth=ADMIN, timeout=5).status_code == 201
        workers = [threading.Thread(target=upload, args=(number,)) for number in range(3)]
        for worker in workers:
            worker.start()
        assert enough.wait(30)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    for worker in workers:
        worker.join(15)
    hub = Hub(tmp_path, ADMIN, dict)
    kept = {document.id for document in hub.store("one").list()}
    assert {name for names in acknowledged for name in names} <= kept
    assert len(kept) % 20 == 0
    hub.close()
