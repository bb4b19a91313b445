"""``parfocal app``: the whole laboratory in one window."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from parfocal.app.display import check_window
from parfocal.rig.opening import config_of


def app(
    rig: str = "",
    *,
    theme: Literal["dark", "light", "red", ""] = "",
    screenshot: Path | None = None,
    seconds: float = 6.0,
) -> None:
    """Show a laboratory in one window, and steer it; start it in the background if it does not run.

    Closing the window ends nothing: the laboratory runs on until `parfocal down`, or until it is ended from
    the window's menu. Any number of windows may show one laboratory.

    Parameters
    ----------
    rig
        A rig that runs, a built-in rig, or a rig file. Without it the window opens where it was the last
        time, or with a page to choose a laboratory from.
    theme
        Colours of the window; those of the last time by default.
    screenshot
        Write what the window shows to this PNG file, and end; no display is needed.
    seconds
        How long to wait before the screenshot, once the laboratory is shown.

    Examples
    --------
    parfocal app

    parfocal app tweezers

    parfocal app optogenetics --theme red --screenshot desktop.png
    """
    if rig:
        config_of(rig)  # refused here if nothing is called so, or its file is wrong
    check_window(screenshot, seconds)
    from parfocal.app.desktop.main import show_desktop

    show_desktop(rig, theme=theme, screenshot=screenshot, seconds=seconds)
