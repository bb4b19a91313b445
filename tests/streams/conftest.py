"""Short folders in memory, and a look at what a test left behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


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
    assert _open_files() <= before, f"descriptors leaked; left in the folder: {left}"
