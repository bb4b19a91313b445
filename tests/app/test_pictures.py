"""Pictures of the run status widget in each state, as a person sees it; docs/pictures holds the best.

``PARFOCAL_PICTURES=docs/pictures pytest -m slow tests/app/test_pictures.py`` makes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from app_sources import FixedSource, shown
from example_views import OUTLINE, SILENT, STATES

SIZE = (1280, 800)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light", "red"])
@pytest.mark.parametrize("state", ["idle", *STATES])
def test_each_state_is_legible_and_whole(state, theme, tmp_path, application):
    from parfocal.app.run_window.run_view import run_view
    from parfocal.app.run_window.run_widget import RunWidget
    from parfocal.viewers.qt.palette import apply_theme
    from parfocal.viewers.qt.theme import theme_of

    folder = Path(os.environ.get("PARFOCAL_PICTURES", tmp_path))
    apply_theme(application, theme_of(theme))
    view = None if state == "idle" else run_view(STATES[state], OUTLINE, SILENT if state == "silent" else "")
    widget = RunWidget(FixedSource(shown(view)), theme_of(theme))
    widget.resize(*SIZE)
    widget.show()
    application.processEvents()
    picture = widget.grab()
    assert picture.save(str(folder / f"run-window-{state}-{theme}.png"))
    assert (picture.width(), picture.height()) == SIZE
    widget.close()
    widget.deleteLater()
    application.processEvents()
