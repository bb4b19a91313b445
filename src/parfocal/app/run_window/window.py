"""The run status widget as a program of its own: ``parfocal runs --window``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer  # before qtpy, which takes what is there

from parfocal.app.run_window.chosen_run import RunName
from parfocal.app.run_window.run_source import RunSource
from parfocal.app.run_window.run_widget import RunWidget
from parfocal.app.window_program import run_until_closed, window_application, write_picture
from parfocal.viewers.qt.palette import apply_theme
from parfocal.viewers.qt.theme import theme_of

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (1000, 760)


def show_runs(
    *,
    rig: str = "",
    run: tuple[str, str] | None = None,
    theme: str = "dark",
    screenshot: Path | None = None,
    seconds: float = 2.0,
) -> None:
    """Show the runs of all rigs, or of one, until a person closes the window. For the main thread.

    Parameters
    ----------
    rig, run : str, tuple of str
        Only this rig's; and rig and name of the run to begin with.
    theme : str
        "dark", "light" or "red".
    screenshot : path, optional
        Write what the window shows after `seconds` to this file, and end.
    """
    colours = theme_of(theme)
    application = window_application()
    apply_theme(application, colours)
    source = RunSource(rig, None if run is None else RunName(*run))
    widget = RunWidget(source, colours)
    widget.setWindowTitle("parfocal: runs")
    widget.resize(*SIZE)
    widget.show()
    try:
        if screenshot is None:
            run_until_closed(application)
        else:
            QTimer.singleShot(round(1000 * seconds), application.quit)
            application.exec()
            write_picture(widget, screenshot)
    finally:
        widget.close()
        source.join()
