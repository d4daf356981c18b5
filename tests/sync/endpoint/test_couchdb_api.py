"""The embedded hub answers what Apache CouchDB 3.5.0 answers."""

import subprocess
import sys
from pathlib import Path

CHECKER = Path(__file__).parents[1] / "check_couchdb_api.py"


def test_all_checks_that_couchdb_passes_hold_here(running):
    done = subprocess.run(
        [sys.executable, str(CHECKER), running.root, "admin:adminpw"],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.stdout.splitlines()[-1] == "53 passed, 0 failed", done.stdout
