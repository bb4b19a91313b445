"""Panels and plots of others: the same in every window, told where they fail, kept by the rig."""

from __future__ import annotations

import threading

import msgspec
import numpy as np
import pytest

from parfocal.app.desktop.panel_loading import panel_class, panel_icon
from parfocal.app.desktop.panel_offers import PanelOffers
from parfocal.app.desktop.point_history import MOST_POINTS, PointHistory
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ConfigError
from parfocal.core.status import AddedPanel, RigStatus
from parfocal.rig.snapshots import RigSnapshot
from parfocal.testing.clock import ManualClock

MODULE = """
from PySide6.QtWidgets import QLabel

from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.time_plot import TimePlot


class Greeting(Panel):
    title, icon = "Greeting", "fa6s.face-smile"

    def widget(self):
        return QLabel("hello")


class Late(Greeting):
    title = "Late"

    def refresh(self):
        raise ValueError("no such luck")


class Focus(TimePlot):
    title, unit, streams = "focus", "nm", ("focus",)

    def points(self, rows):
        return rows["time_ns"], rows[rows.dtype.names[1]]


class Worded(Focus):
    icon, seconds = "fa6s.no-such-icon", "60"


class Uneven(Focus):
    title = "uneven"

    def points(self, rows):
        return rows["time_ns"], rows[rows.dtype.names[1]][:0]
"""

HANGS = "import threading\nthreading.released_by_this_test.wait()\n"


@pytest.fixture
def config(config, tmp_path, monkeypatch):
    """A rig whose file names a plot, with the module of it beside where this program imports from."""
    (tmp_path / "of_this_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return config | {"plots": {"height": {"kind": "of_this_test:Focus", "column": 0}}}


@pytest.fixture
def windows(open_window, rig, until):
    """Two windows over the rig."""
    opened = [open_window(), open_window()]
    for window in opened:
        window.show_rig("paneled")
    assert until(lambda: all(window.area is not None and window.area.is_laid_out for window in opened))
    return opened


def told(window, name) -> str:
    """Return what the dock of a panel says; "" while there is none."""
    place = None if (dock := window.area.docks.get(name)) is None else dock._place.itemAt(0)
    return getattr(place and place.widget(), "text", str)()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_windows_agree_on_what_was_added_removed_and_has_failed(windows, rig, until, open_window):
    assert until(lambda: all("added plot height" in window.area.docks for window in windows))
    plot = windows[0].area.open("added plot height")
    assert until(lambda: plot.panel is not None and len(plot.panel.histories["focus"].times_ns) > 2)
    rig.add_panel("of_this_test:Greeting", column=0)
    assert until(lambda: all(told(window, "added panel greeting") == "hello" for window in windows))
    assert {window.area.docks["added panel greeting"].area for window in windows} == {"left"}
    rig.add_panel("of_this_test:Late")
    rig.add_panel("of_this_test:Missing")
    rig.add_panel("no_such_module_of_this_test:Panel")
    rig.add_plot("of_this_test:Greeting", name="not-a-plot")
    rig.add_plot("of_this_test:Uneven")
    expected = {
        "added panel late": "no such luck",
        "added panel missing": "of_this_test has no 'Missing'",
        "added panel panel": "No module named 'no_such_module_of_this_test'",
        "added plot not-a-plot": "Greeting is no class of parfocal.app.desktop.time_plot.TimePlot",
        "added plot uneven": "as many values as times",
    }
    for name, words in expected.items():
        for window in windows:
            assert until(lambda window=window, name=name: name in window.area.docks)
            window.area.open(name)
            assert until(lambda window=window, name=name, words=words: words in told(window, name)), name
    windows[0].close()
    windows[0] = open_window()
    windows[0].show_rig("paneled")
    assert until(lambda: windows[0].area is not None and set(expected) <= set(windows[0].area.docks))
    rig.remove_panel("greeting")
    rig.remove_plot("height")
    gone = {"added panel greeting", "added plot height"}
    assert until(lambda: not any(gone & set(window.area.docks) for window in windows))
    assert all(window.area.docks["status"].panel is None or window.area.isVisible() for window in windows)


def test_a_panel_whose_import_does_not_end_is_told_of_and_holds_nobody_up(tmp_path, monkeypatch):
    (tmp_path / "hangs_in_this_test.py").write_text(HANGS + MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    released = threading.Event()
    monkeypatch.setattr(threading, "released_by_this_test", released, raising=False)
    clock = ManualClock()
    greeting = AddedPanel(kind="panel", name="greeting", address="hangs_in_this_test:Greeting")
    offers = PanelOffers({}, {"greeting": greeting}, (), clock=clock)
    snapshot = RigSnapshot(rig=RigStatus(name="lab", pid=1, state="running", services={}))
    assert offers.look(snapshot) == {}
    clock.advance(3.0)
    assert set(offers.look(snapshot)) == {"import of panel greeting"}
    told = offers.look(snapshot)["import of panel greeting"].kind
    assert told.title == "greeting"
    clock.advance(30.0)
    assert told.loader.awaited() == {greeting: 33.0}
    late = msgspec.structs.replace(greeting, name="late")
    with_late = RigSnapshot(rig=msgspec.structs.replace(snapshot.rig, panels=(late,)))
    offers.look(with_late)
    clock.advance(3.0)
    assert set(offers.look(with_late)) == {"import of panel greeting", "import of panel late"}
    assert set(offers.look(snapshot)) == {"import of panel greeting"}, "the rig has the other no longer"
    released.set()
    assert poll_until(lambda: set(offers.look(snapshot)) == {"greeting"}, 30.0)


def test_a_class_that_can_not_be_a_plot_is_refused_in_words(application, caplog):
    namespace = {}
    exec(MODULE, namespace)
    with pytest.raises(ConfigError, match="the seconds of Worded must be above 0, less than a day, not '60'"):
        panel_class(namespace["Worded"], "plot")
    assert panel_icon("fa6s.no-such-icon", "#ffffff").isNull()
    assert "fa6s.no-such-icon" in caplog.text
    assert not panel_icon("fa6s.bug", "#ffffff").isNull()


def test_a_history_forgets_what_is_old_or_too_much():
    history = PointHistory(seconds=10.0)
    times = np.arange(3 * MOST_POINTS) * 1000
    history.add(times[: 2 * MOST_POINTS], times[: 2 * MOST_POINTS])
    assert len(history.times_ns) == MOST_POINTS
    assert history.newest_ns == history.values[-1] == times[2 * MOST_POINTS - 1]
    history.add([20_000_000_000], [np.nan])
    assert len(history.times_ns) == 1
    with pytest.raises(BadInputError, match=r"\(2,\) and values of shape \(1,\)"):
        history.add([1, 2], [1.0])
