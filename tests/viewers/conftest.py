"""Viewers that end with their test, and leave nothing."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from parfocal.core.clock import poll_until
from parfocal.processes import directory
from parfocal.processes.standalone import rig_of
from parfocal.viewers import Viewer, close_viewer, list_viewers, open_viewer

PATIENCE_S = 60.0
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def offscreen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows are drawn into memory."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def opened(name: str) -> Iterator[Callable[..., Viewer]]:
    """Open the viewer of this test: ``opened(kind="live")``; closed afterwards, however it is by then."""
    viewers: list[Viewer] = []

    def open_it(kind: str = "headless", **options: object) -> Viewer:
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
