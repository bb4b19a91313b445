"""Opens the browser's window, and runs it until it is closed."""

from __future__ import annotations

from pathlib import Path

from parfocal.app.browser.catalogue import Catalogue
from parfocal.app.display import check_window, favour_window
from parfocal.core.errors import BadInputError


def browse(
    folder: Path,
    *,
    theme: str = "dark",
    kind: str = "live",
    screenshot: Path | None = None,
    seconds: float = 2.0,
) -> None:
    """Show a folder in a window; returns when it is closed. For the main thread.

    Parameters
    ----------
    folder : Path
        What is browsed, with all that is in it.
    theme : str
        Colours of the window.
    kind : str
        The kind of viewer that images are sent to if no other is chosen.
    screenshot : Path, optional
        Write what the window shows after `seconds` to this PNG file, and end.

    Raises
    ------
    BadInputError
        If there is no such folder, or no picture can be written there, or then.
    ViewerError
        If there is no display, or Qt is not installed.
    """
    if not folder.is_dir():
        raise BadInputError(f"there is no folder {folder}: name a folder of images, runs or plates")
    check_window(screenshot, seconds)
    catalogue = Catalogue(str(folder.absolute()))
    catalogue.start()  # while Qt is imported
    from PySide6.QtCore import QTimer

    from parfocal.app.browser.window import BrowserWindow
    from parfocal.app.window_program import run_until_closed, window_application, write_picture
    from parfocal.viewers.qt.palette import apply_theme
    from parfocal.viewers.qt.theme import theme_of

    application = window_application()
    colours = theme_of(theme)
    apply_theme(application, colours)
    window = BrowserWindow(catalogue, colours, kind)
    window.show()
    favour_window()
    if screenshot is not None:
        QTimer.singleShot(round(seconds * 1000), application.quit)
    try:
        run_until_closed(application)
        if screenshot is not None:
            write_picture(window, screenshot)
    finally:
        window.close_all()
