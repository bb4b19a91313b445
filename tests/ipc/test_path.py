"""How many files a reader must know to follow a command."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import parfocal.ipc
from parfocal.ipc import Client, CommandTable, Server, ServiceProxy, command

MOST_FILES = 10


class Stage:
    """Moves at once."""

    @command(lane="axis", effect="changes")
    def move_to(self, z_nm: float) -> float:
        """Return where it is then."""
        return z_nm


@contextmanager
def files_called() -> Iterator[set[str]]:
    """Collect the files of `parfocal.ipc` whose functions this thread, and those begun here, call."""
    home, seen = str(Path(parfocal.ipc.__file__).parent), set[str]()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        del argument
        if event == "call" and frame.f_code.co_filename.startswith(home):
            seen.add(Path(frame.f_code.co_filename).name)

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]


def test_a_command_passes_at_most_ten_files_there_and_back(folder: Path) -> None:
    with files_called() as seen:
        server = Server(CommandTable.of(Stage()), folder, "stage")
        with server, Client(folder, "stage") as client:
            stage = ServiceProxy(client)
            stage.move_to(1.0)
            seen.clear()
            for z_nm in (500.0, 600.0, 700.0):
                assert stage.move_to(z_nm, timeout_s=20.0) == z_nm
            passed = sorted(seen)
    assert 5 < len(passed) <= MOST_FILES, passed
