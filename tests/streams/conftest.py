"""Short folders in memory, processes to read and write in them, and a look at what a test left behind."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SETTLES_WITHIN_S = 20.0
Start = Callable[..., "subprocess.Popen[str]"]


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for streams; nothing of it is mapped or open after the test."""
    before = _open_files()
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="pfs-", dir=shm))
    yield path
    left = sorted(entry.name for entry in path.iterdir())
    shutil.rmtree(path)
    end = time.monotonic() + SETTLES_WITHIN_S
    while _open_files() > before and time.monotonic() < end:  # threads of libraries open files now and then
        time.sleep(0.02)
    assert _open_files() <= before, f"descriptors leaked; left in the folder: {left}"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    actors: list[subprocess.Popen[str]] = []

    def run(role: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(Path(__file__).with_name("actors.py")), role, str(folder)]
        actor = subprocess.Popen(
            [*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        actors.append(actor)
        assert heard(actor) == "ready"
        return actor

    yield run
    for actor in actors:
        actor.kill()
        actor.communicate()


def heard(actor: "subprocess.Popen[str]") -> str:
    assert actor.stdout is not None
    return actor.stdout.readline().strip()
