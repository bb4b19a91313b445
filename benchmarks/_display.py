"""Where the windows of a kind of viewer are drawn: the display that there is, else memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_THERE = bool(os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM"))


@contextmanager
def display_for(kind: str) -> Iterator[None]:
    """Draw into memory if there is no display: napari needs OpenGL, which Xvfb has; others need none."""
    before = dict(os.environ)
    with ExitStack() as stack:
        if not _THERE and kind == "napari":
            os.environ |= {"DISPLAY": stack.enter_context(xvfb()), "QT_QPA_PLATFORM": "xcb"}
        elif not _THERE:
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ |= before


@contextmanager
def xvfb() -> Iterator[str]:
    """Lend a display in memory, 1600 x 1000 pixels; yields its name, such as ":7"."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with open(reading) as told:
            number = told.readline().strip()
        if not number:
            raise RuntimeError("Xvfb did not start")
        try:
            yield f":{number}"
        finally:
            server.terminate()
