"""Viewers that end with their test, and leave nothing."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from parfocal.core.clock import poll_until
from parfocal.processes import directory
from parfocal.processes.standalone import rig_of
from parfocal.viewers import Viewer, close_viewer, list_viewers, open_viewer

collect_ignore = ["person_in_napari.py"]  # a program, which opens a window where it is imported
PATIENCE_S = 60.0
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def offscreen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows are drawn into memory."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


@contextmanager
def x_display() -> Iterator[str]:
    """Run a display in memory with OpenGL, which napari needs; its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with open(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
        server.terminate()


@pytest.fixture
def on_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Have windows from now on open on a display, with settings of napari that nobody has chosen."""
    with ExitStack() as stack:

        def show() -> None:
            if os.environ["QT_QPA_PLATFORM"] != "xcb":
                monkeypatch.setenv("DISPLAY", stack.enter_context(x_display()))
                monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
                monkeypatch.setenv("NAPARI_CONFIG", str(tmp_path / "napari.yaml"))

        yield show


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def opened(name: str, on_display: Callable[[], None]) -> Iterator[Callable[..., Viewer]]:
    """Open the viewer of this test: ``opened(kind="live")``; closed afterwards, however it is by then."""
    viewers: list[Viewer] = []

    def open_it(kind: str = "headless", **options: object) -> Viewer:
        if kind == "napari":
            on_display()
        viewers.append(open_viewer(name, kind, **options))
        return viewers[-1]

    yield open_it
    for viewer in viewers:
        viewer.leave()
    for info in list_viewers():
        if info.name == name:
            close_viewer(name, force=True)
    left = directory.runtime_folder(rig_of(name)), directory.images_folder(name)
    assert poll_until(lambda: not any(path.exists() and any(path.iterdir()) for path in left), PATIENCE_S)
