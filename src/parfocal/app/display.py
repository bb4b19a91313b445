"""Whether a window can be opened here, or its picture written, found out before Qt is imported."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, ViewerError
from parfocal.viewers.client import check_display

if TYPE_CHECKING:
    from pathlib import Path

_COLLECTS_RARELY = (20_000, 50, 100)
_SWITCHES_EVERY_S = 0.001
"""So soon any other thread leaves the interpreter to the window's."""
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
_PICTURES = (".png", ".jpg", ".jpeg")
_MOST_S = 86_400


def check_window(screenshot: Path | None, seconds: float) -> None:
    """Refuse to open a window where none can be; without a display a picture is drawn into memory.

    Parameters
    ----------
    screenshot : Path, optional
        Where its picture is to be written, `seconds` after it is shown.

    Raises
    ------
    BadInputError
        If no picture can be written there, or then.
    ViewerError
        If there is no display, or Qt is not installed.
    """
    if not 0 <= seconds <= _MOST_S:
        raise BadInputError(f"seconds must be 0 to {_MOST_S}, not {seconds}")
    if screenshot is not None:
        _check_picture(screenshot)
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _SCREENS):
        if screenshot is None:
            raise ViewerError(
                "there is no display for a window (DISPLAY is not set); --screenshot FILE needs none"
            )
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    check_display()


def _check_picture(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise BadInputError(f"there is no folder {path.absolute().parent} for --screenshot {path}")
    if path.suffix.lower() not in _PICTURES:
        raise BadInputError(f"--screenshot {path} is no name of a picture: it must end in .png or .jpg")


def favour_window() -> None:
    """Have other threads, and the collector of garbage, hold the program's window up as little as they can.

    Called once it is shown: what was imported until then is never looked through again.
    """
    sys.setswitchinterval(_SWITCHES_EVERY_S)
    gc.freeze()
    gc.set_threshold(*_COLLECTS_RARELY)
