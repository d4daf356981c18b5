"""What the store said it has, it has: also after the process is killed in the middle of writing."""

import random
import signal
import subprocess
import sys

import pytest

from sync.store.store import Store

WRITER = """
import sys
from pathlib import Path
from sync.store.models import Attachment, Document
from sync.store.store import Store

store = Store.open(Path(sys.argv[1]))
start = store.update_seq
for number in range(start, start + 100_000):
    if number % 3 == 0:
        store.put(f"one:{number}", b'{"n":%d}' % number, attachments={"p": Attachment.of("image/jpeg", b"x" * 5000)})
    else:
        store.write([Document(f"{half}:{number}", "1-a", b'{"n":%d}' % number) for half in "ab"])
    print(number, flush=True)
"""


@pytest.mark.parametrize("round_", range(3))
def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_half_written(tmp_path, round_):
    path = tmp_path / "killed.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    acknowledged = []
    enough = random.Random(round_).randint(20, 150)
    for line in writer.stdout:
        acknowledged.append(int(line))
        if len(acknowledged) == enough:
            writer.send_signal(signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    assert writer.returncode == -signal.SIGKILL
    store = Store.open(path)
    ids = {document.id for document in store.list()}
    for number in acknowledged:
        assert {f"one:{number}"} <= ids or {f"a:{number}", f"b:{number}"} <= ids
    assert {i.partition(":")[2] for i in ids if i[0] == "a"} == {i.partition(":")[2] for i in ids if i[0] == "b"}
    assert len(store.changes()) == len(ids)
    store.put("after", b"{}")
    store.close()
