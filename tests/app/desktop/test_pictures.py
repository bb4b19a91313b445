"""Pictures of each dock and of the whole window over the simulated laboratories, and what must hold of them.

``PARFOCAL_PICTURES=FOLDER pytest -m slow tests/app/desktop/test_pictures.py`` keeps them, to be looked at.
The README has three of them, of 1280 x 800: tweezers in dark and in red, optogenetics in light.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from legible import FEWEST_COLOURS, colours_of, faults_of

import parfocal
from parfocal.app.desktop.bead_board import BeadBoard
from parfocal.app.desktop.dock_area import control_of
from parfocal.app.desktop.panels import PANELS
from parfocal.core.clock import poll_until
from parfocal.rig.named_rigs import builtin_rigs
from parfocal.rig.optogenetics_plan import REPORTER, every_second_cell
from parfocal.runs import Sequence

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("shared_roots")]

LONG_S = 120.0
RATE_HZ = 25.0
TRACED_S = 9.0
SIZES = ((1280, 800), (1920, 1080))
THEMES = ("dark", "light", "red")
DOCKS = [f"{name} camera" if name in ("live", "camera") else name for name in PANELS]
LOOP = Sequence(
    time_plan={"interval": 1.0, "loops": 10_000},
    channels=[REPORTER, "nucleus"],
    stim_channels=["stimulation"],
    stim_frames=range(2, 10_000),
    stim_exposure=10.0,
)


def traced_s(panel):
    """Return over how many seconds there are traces."""
    return min((np.ptp(trace.times_ns) * 1e-9 for trace in panel.traces(0).values()), default=0.0)


READY = {
    "live camera": lambda panel: panel.pane.shown is not None and panel.pane.shown.image is not None,
    "traces": lambda panel: not panel.told.text() and traced_s(panel) > TRACED_S,
    "beads": lambda panel: panel.table.texts(),
    "tables": lambda panel: panel.review.view.shown is not None and panel.review.isVisible(),
    "force": lambda panel: panel.spectrum.data_of("fit")[0].size,
    "extension": lambda panel: panel.plot.data_of("measured")[0].size,
    "motors": lambda panel: (
        all(map(panel.session.commands, panel.session.snapshot().rig.services))
        and all(card.axes for name, card in panel.cards.items() if name != "force")
        and ("force" not in panel.cards or panel.cards["force"].table.value is not None)
    ),
    "camera camera": lambda panel: panel.histogram.data_of("pixels")[0].size and panel.service.state,
    "instruments": lambda panel: panel.pages.count() and panel.pages.currentWidget().commands,
    "profile": lambda panel: panel.shown is not None,
    "viewers": lambda panel: panel.runs.texts(),
    "status": lambda panel: panel.streams.texts(),
}
"""When a dock has something to show."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where pictures go."""
    return Path(os.environ.get("PARFOCAL_PICTURES") or tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def until(application):
    """Let the window live until something is so."""

    def look(wanted):
        application.processEvents()
        return wanted()

    return lambda wanted: poll_until(lambda: look(wanted), LONG_S)


@pytest.fixture(scope="module")
def shown(application, until):
    """Return what opens the window over a rig; all are closed after the module."""
    from parfocal.app.desktop.kept_window import KeptFile
    from parfocal.app.desktop.window import DesktopWindow

    made = []

    def opened(rig):
        window = DesktopWindow(KeptFile())
        made.append(window)
        window.resize(*SIZES[0])
        window.show()
        window.show_rig(rig)
        assert until(lambda: window.area is not None and window.area.is_laid_out)
        return window

    yield opened
    for window in made:
        window.close()
        window.file.close()
        window.snapshots.join()
        window.deleteLater()
    application.processEvents()


def patient(name):
    """Return what a built-in rig is, but that no service counts as hung on a machine that is busy."""
    config = tomllib.loads(builtin_rigs()[name].read_text("utf-8"))
    for service in config["services"].values():
        service["hang_after_s"] = LONG_S
    return config


@pytest.fixture(scope="module")
def lab(shared_roots, tmp_path_factory):
    """Tweezers in the middle of a day: beads, tables, forces, a run, and a second sweep that waits."""
    runs = str(tmp_path_factory.mktemp("runs"))
    with parfocal.open_rig(patient("tweezers"), changes={"recorder.folder": runs}) as rig:
        rig["camera"].set_frame_rate_hz(RATE_HZ)
        rig["magnet"].move_to(500_000.0, timeout_s=LONG_S)
        rig["camera"].start()
        rig["tracker"].find_beads(timeout_s=LONG_S)
        rig["tracker"].build_tables(frames_per_plane=3, step_nm=200.0, timeout_s=LONG_S)
        rig["force"].live_on()
        rig.ramp_force(start_pn=6.0, stop_pn=1.0, rate_pn_per_s=1.0, name="first-pull").wait(LONG_S)
        rig.sweep(-800.0, 800.0, 200.0, 3, name="tables").wait(LONG_S)
        rig["xy_lock"].on()
        yield rig


@pytest.fixture(scope="module")
def tweezers(lab, shown, until):
    """The window over it, with a bead selected whose force is known."""
    window = shown("tweezers")
    board = window.session.shared(BeadBoard)
    assert until(lambda: (board.refresh(), board.centers)[1])

    known = []

    def look():
        forces = lab["force"].live_all(timeout_s=LONG_S)
        known[:] = [each.bead for each in forces if each.stiffness_pn_per_nm > 0]
        return bool(known)

    assert poll_until(look, LONG_S, every_s=0.5)
    board.selected = known[0]
    return window


@pytest.fixture(scope="module")
def optogenetics(shared_roots, shown, tmp_path_factory):
    """The window over optogenetics during a run: cells are found, and every second one is lit."""
    folder = tmp_path_factory.mktemp("optogenetics")
    changes = {
        "recorder.folder": str(folder / "runs"),
        "modulator.calibration_file": str(folder / "calibration.json"),
    }
    with parfocal.open_rig(patient("optogenetics"), changes=changes) as rig:
        rig["modulator"].calibrate(timeout_s=LONG_S)
        run = rig.run(LOOP, name="loop", pipeline=every_second_cell())
        yield shown("optogenetics")
        run.cancel("the pictures are made")
        assert run.wait(LONG_S).outcome == "cancelled"


def picture_faults(widget, until, path):
    """Take a picture of a widget once nothing is wrong with it; return what was wrong to the last.

    What is shown is live: between two looks there may be other words, whose layout has not settled.
    """
    found = []

    def is_right():
        picture = widget.grab()
        assert picture.save(str(path))
        found[:] = faults_of(widget) + (["it is empty"] if colours_of(picture) < FEWEST_COLOURS else [])
        return not found

    until(is_right)
    return found


@pytest.mark.parametrize("name", DOCKS)
@pytest.mark.parametrize("theme", THEMES[:2])
def test_each_dock_is_whole_and_legible(name, theme, tweezers, until, folder):
    tweezers.set_theme(theme)
    dock = tweezers.area.open(name)
    assert until(lambda: dock.is_seen and dock.panel is not None)
    assert until(lambda: READY.get(name, bool)(dock.panel))
    found = {text: control_of(dock.panel.widget(), text.rstrip(" …")) for text in dock.kind.controls}
    assert None not in found.values(), "what the search offers is there"
    assert not picture_faults(dock, until, folder / f"dock-{name.replace(' ', '-')}-{theme}.png")


def test_the_curve_of_a_recorded_run_is_shown_with_its_chain(lab, tweezers, until):
    (folder,) = {run.folder for run in lab.runs.statuses().values() if run.run == "first-pull"}
    panel = tweezers.area.open("extension").panel
    assert until(lambda: panel.source.findData(folder) > 0)
    panel.choose_run(folder)
    assert until(lambda: panel.recorded is not None)
    assert panel.recorded.error == ""
    assert until(lambda: panel.shown is not None)
    assert until(lambda: len(panel.plot.data_of("measured")[0]) == len(panel.shown.forces_pn) > 0)
    assert until(lambda: panel.source.currentText() == Path(folder).name)
    panel.choose_run(str(Path(folder).parent))
    assert until(lambda: panel.shown is None and "reading" not in panel.told.text())
    panel.source.setCurrentIndex(0)
    panel.source.activated.emit(0)
    assert until(lambda: panel.shown is not None and f"bead {panel.board.selected}:" in panel.told.text())


def test_a_stream_is_shown_in_a_viewer_which_is_closed_from_here(tweezers, until):
    panel = tweezers.area.open("viewers").panel
    assert until(lambda: panel.source.findText("tweezers/camera") >= 0)
    panel.source.setCurrentText("tweezers/camera")
    panel.target.setCurrentText("new live viewer")
    panel.show.click()
    assert until(lambda: [cells[2] for cells in panel.viewers.texts().values()] == ["ready"])
    (name,) = panel.viewers.texts()
    assert until(lambda: panel.target.findText(f"{name} (live)") >= 0)
    panel.viewers.setCurrentItem(panel.viewers.topLevelItem(0))
    assert until(panel.close_viewer.isEnabled)
    panel.close_viewer.click()
    assert until(lambda: not panel.viewers.texts())


@pytest.mark.parametrize("rig", ["tweezers", "optogenetics"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", THEMES)
def test_the_whole_window_is_whole_and_legible(theme, size, rig, until, folder, request):
    window = request.getfixturevalue(rig)
    window.set_theme(theme)
    window.resize(*size)
    window.area.lay_out()
    assert until(lambda: window.area.docks["live camera"].is_seen)
    for dock in window.area:
        is_ready = READY.get(dock.objectName(), bool)
        assert until(lambda dock=dock, is_ready=is_ready: not dock.is_seen or is_ready(dock.panel))
    if rig == "optogenetics":
        live = window.area.docks["live camera"].panel
        assert until(lambda: len(live.pane.shown.annotations) == 2), "cells and lit mask"
    assert not picture_faults(window, until, folder / f"{rig}-{theme}-{size[0]}x{size[1]}.png")
    assert (window.width(), window.height()) == size
