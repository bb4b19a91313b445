"""Structs that threads share are known to msgspec before they use them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from parfocal.core.known_types import known

RACE = """
import sys, threading
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from {module} import *

folder = TemporaryDirectory()
file = Path(folder.name, "manifest.json")
file.write_text('{{"run": "a", "format": 1, "streams": {{}}, "rig": "x"}}')
text = msgspec.json.encode(FrameSpec(shape=(4, 4), dtype="uint16"))
data = {{"run": "a", "state": "running", "events_total": 3}}
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(4)


def use():
    barrier.wait()
    for _ in range(50):
        try:
            {use}
        except (msgspec.MsgspecError, BadInputError):
            pass


threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "use"),
    [
        ("parfocal.core.run_status", "msgspec.convert(data, RunStatus)"),
        ("parfocal.storage.manifest", "read_manifest(folder.name)"),
        ("parfocal.streams.layout", "decode_spec(text)"),
        ("parfocal.processes.directory", "read_record(file, RigRecord)"),
    ],
)
def test_threads_may_be_the_first_to_use_a_type_at_once(module, use):
    for _ in range(40):  # one in twenty crashed, or one in four
        race = RACE.format(module=module, use=use)
        assert subprocess.run([sys.executable, "-c", race], check=False).returncode == 0


def test_what_is_no_type_is_refused():
    with pytest.raises(TypeError):
        known(3)
