"""Files of numbers in a memory that is full: an error with a name, not the end of the process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parfocal.processes.mapped import mapped_file

FILL = """
import sys
from pathlib import Path
from types import SimpleNamespace as DeviceContext

from parfocal.devices.simulated.world import World
from parfocal.processes.heartbeat import HeartbeatMonitor
from parfocal.streams.counters import Counters

folder = Path(sys.argv[1])
makes = {
    "counters": lambda: Counters(folder / "a.counts", ["a"], owner=7),
    "world": lambda: World.of(DeviceContext(folder=folder)).move("light", 0.5, 0),
    "monitor": lambda: HeartbeatMonitor(folder / "a.beat", 1.0, 0).age_s(0),
}
try:
    with (folder / "fill").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
except OSError:
    pass
try:
    makes[sys.argv[2]]()
except OSError as error:
    print(error)
"""
IN_SMALL_MEMORY = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"'


@pytest.fixture
def small_memory(tmp_path: Path) -> list[str]:
    """The beginning of a command that sees a memory of 64 KB in the folder, and is alone with it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare")
    start = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", IN_SMALL_MEMORY, str(tmp_path)]
    if subprocess.run([*start, "true"], capture_output=True, timeout=60).returncode:
        pytest.skip("this user may not mount a small memory")
    return start


@pytest.mark.parametrize("what", ["counters", "world", "monitor"])
def test_a_full_memory_is_named(small_memory: list[str], tmp_path: Path, what: str) -> None:
    command = [*small_memory, sys.executable, "-c", FILL, str(tmp_path), what]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended
    assert "no room for" in ended.stdout
    assert str(tmp_path) in ended.stdout


def test_what_lies_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    mapped_file(path, 8)[:3] = b"old"
    longer = mapped_file(path, 16)
    assert longer[:] == b"old".ljust(16, b"\0")


def test_without_the_system_to_ask_room_is_taken_by_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.posix_fallocate", raising=False)
    path = tmp_path / "a"
    mapped_file(path, 8)[:3] = b"old"
    assert mapped_file(path, 3 << 20)[:4] == b"old\0"
    assert path.stat().st_size == 3 << 20
