"""What the app loads before its first list: a worker in the cold does not wait for what he does not use yet."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mobile_app.preferences import Preferences, keep_preferences
from tests.mobile_app.phones import NOWHERE, NUMBER, PASSWORD, fill, lay_out, open_phone

# By what needs them; each was seen to hold up the start.
LATER = {
    "network": ("aiohttp", "aiocouch"),
    "photos and codes": ("PIL.Image", "segno", "zxingcpp"),
    "devices": ("nfc", "ndef", "usb1", "llrpkit", "bleak", "serial", "pynmeagps", "pymodbus"),
    "map, camera and sound": ("flet_map", "flet_camera", "flet_audio", "flet_audio_recorder"),
}
_LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"
_SIGN_IN = """
import asyncio, sys
from pathlib import Path
from mobile_app.main import desk_in

async def main():
    desk = await desk_in(Path(sys.argv[1]))
    await desk.sign_in(sys.argv[2], sys.argv[3])
    assert desk.app.signed_in and desk.app.tasks, desk.app.problem

asyncio.run(main())
"""


def loaded(program: str, *arguments: str) -> set[str]:
    """The modules of a fresh interpreter after `program`."""
    command = [sys.executable, "-c", program + "\n" + _LOADED, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def after_import() -> set[str]:
    return loaded("import mobile_app.main")


@pytest.fixture
async def laid_out(tmp_path: Path) -> Path:
    """A phone that has worked before."""
    lay_out(tmp_path)
    keep_preferences(tmp_path, Preferences(server_url=NOWHERE))
    phone = await open_phone(tmp_path)
    fill(phone)
    await phone.close()
    return tmp_path


@pytest.mark.parametrize("part", LATER)
def test_the_app_opens_without_what_comes_later(after_import: set[str], part: str) -> None:
    assert "flet" in after_import
    assert after_import.isdisjoint(LATER[part])


async def test_without_a_network_the_first_list_comes_without_its_client(laid_out: Path) -> None:
    found = loaded(_SIGN_IN, str(laid_out), NUMBER, PASSWORD)
    assert found.isdisjoint(name for names in LATER.values() for name in names)
