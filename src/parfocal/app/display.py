"""Whether a window can be opened here, found out before Qt is imported."""

from __future__ import annotations

import gc
import os
import sys

from parfocal.core.errors import ViewerError
from parfocal.viewers.client import check_display

_COLLECTS_RARELY = (20_000, 50, 100)
_SWITCHES_EVERY_S = 0.001
"""So soon any other thread leaves the interpreter to the window's."""
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def check_screen(*, for_screenshot: bool) -> None:
    """Refuse to open a window where none can be; without a display a picture is drawn into memory.

    Raises
    ------
    ViewerError
        If there is no display, or Qt is not installed.
    """
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _SCREENS):
        if not for_screenshot:
            raise ViewerError(
                "there is no display for a window (DISPLAY is not set); --screenshot FILE needs none"
            )
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    check_display()


def favour_window() -> None:
    """Have other threads, and the collector of garbage, hold the program's window up as little as they can.

    Called once it is shown: what was imported until then is never looked through again.
    """
    sys.setswitchinterval(_SWITCHES_EVERY_S)
    gc.freeze()
    gc.set_threshold(*_COLLECTS_RARELY)
