"""Whether a window can be opened here, found out before Qt is imported."""

from __future__ import annotations

import os
import sys

from parfocal.core.errors import ViewerError
from parfocal.viewers.client import check_display

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
