"""``parfocal browse``: a folder of images, plates and runs in a window."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from parfocal.cli.output import console
from parfocal.core.errors import BadInputError, nearest
from parfocal.viewers.kinds import viewer_kinds


def browse(
    folder: Path = Path(),
    *,
    viewer: str = "live",
    theme: Literal["dark", "light", "red"] = "dark",
    screenshot: Path | None = None,
    seconds: float = 3.0,
) -> None:
    """Show what is in a folder: images, plates and runs, as a table with filters, a plate and thumbnails.

    Double click, or Enter, sends images to a viewer, which is started if it does not run. The list below the
    table has all viewers of this user. Files that cannot be read are rows that say why.

    Parameters
    ----------
    folder
        What is browsed, with all that is in it; the working folder if none is named.
    viewer
        The kind of viewer that images are sent to if you choose no other.
    theme
        Colours of the window.
    screenshot
        Write what the window shows to this PNG file, and end.
    seconds
        How long to wait before the screenshot.

    Examples
    --------
    parfocal browse runs

    parfocal browse /data/plates --theme light

    parfocal browse runs --screenshot browser.png --seconds 5
    """
    from parfocal.app.browser.browse import browse as open_browser

    if viewer not in viewer_kinds():
        raise BadInputError(f"no kind of viewer is called {viewer!r}; {nearest(viewer, viewer_kinds())}")
    open_browser(folder, theme=theme, kind=viewer, screenshot=screenshot, seconds=seconds)
    if screenshot is not None:
        console().print(f"{folder} in {screenshot}")
