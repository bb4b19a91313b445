"""A small rig, and the desktop's window over it."""

from __future__ import annotations

import pytest

import parfocal
from parfocal.core.clock import poll_until

LONG_S = 60.0
CAMERA = {
    "device": "simulated-camera",
    "options": {"width_px": 64, "height_px": 48, "beads": 2, "frame_rate_hz": 50.0, "exposure_ms": 1.0},
    "truth": "truth",
}
FOCUS = {"device": "simulated-focus", "options": {"speed_nm_per_s": 100.0}}
CONFIG = {
    "name": "paneled",
    "runs": {"keep_times": False},
    "services": {
        "camera": {"kind": "camera", "settings": CAMERA},
        "focus": {"kind": "stage", "settings": FOCUS, "hang_after_s": 600.0},
    },
}


@pytest.fixture
def config():
    """What the rig is."""
    return CONFIG


@pytest.fixture
def rig(config):
    """The rig, running in this process."""
    with parfocal.open_rig(config) as opened:
        yield opened


@pytest.fixture
def until(application):
    """Let windows live until something is so."""

    def look(wanted):
        application.processEvents()
        return wanted()

    return lambda wanted: poll_until(lambda: look(wanted), LONG_S)


@pytest.fixture
def open_window(application):
    """Return what opens a window; all are closed after the test."""
    from PySide6.QtCore import QEvent

    from parfocal.app.desktop.kept_window import KeptFile
    from parfocal.app.desktop.window import SIZE, DesktopWindow

    made = []

    def opened():
        window = DesktopWindow(KeptFile())
        window.show()
        window.resize(*SIZE)
        made.append(window)
        return window

    yield opened
    for window in made:
        window.close()
        window.file.close()
        window.snapshots.join()
        window.deleteLater()
    made.clear()
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    application.processEvents()


@pytest.fixture
def window(open_window):
    return open_window()
