"""The browser's window on a lab's folder: what a person sees and does; pictures in docs/pictures.

``PARFOCAL_PICTURES=docs/pictures pytest -m slow tests/app/browser/test_window.py`` makes them anew.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import parfocal
from parfocal.app.browser.catalogue import Catalogue
from parfocal.app.browser.columns import COLUMNS
from parfocal.core.clock import poll_until
from parfocal.formats import open_movie
from parfocal.runs import Sequence
from parfocal.viewers import close_viewer, list_viewers, open_viewer

from .lab_folder import write_lab_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shared_roots):
    root = tmp_path_factory.mktemp("pictures") / "lab"
    root.mkdir()
    write_lab_folder(root)
    return root


@pytest.fixture
def opened(application, folder, shared_roots):
    """Open the window on the folder: ``opened(theme="red")``."""
    from parfocal.app.browser.window import BrowserWindow
    from parfocal.viewers.qt.palette import apply_theme
    from parfocal.viewers.qt.theme import THEMES

    windows = []

    def open_it(theme="dark"):
        apply_theme(application, THEMES[theme])
        catalogue = Catalogue(str(folder), looks_again_s=float("inf"))
        catalogue.start()
        windows.append(BrowserWindow(catalogue, THEMES[theme], "headless"))
        windows[-1].show()
        assert until(application, lambda: is_settled(windows[-1]))
        return windows[-1]

    yield open_it
    for window in windows:
        window.close()
        window.deleteLater()
    application.processEvents()
    for info in list_viewers():
        close_viewer(info.name, force=True)


def until(application, holds):
    """Let the window work until something holds."""

    def turn():
        application.processEvents()
        return holds()

    return poll_until(turn, PATIENCE_S, every_s=0.02)


def is_settled(window):
    snapshot = window.catalogue.snapshot
    done = snapshot.rows and not snapshot.progress.unread and not snapshot.progress.unlisted
    return done and len(window.model.rows) == len(snapshot.rows)


def choose_rows(window, application, holds):
    """Select the rows of which something holds; return them."""
    window.table.clearSelection()
    mode = window.table.selectionMode()
    window.table.setSelectionMode(window.table.SelectionMode.MultiSelection)
    for number, row in enumerate(window.model.rows):
        if holds(row):
            window.table.selectRow(number)
    window.table.setSelectionMode(mode)
    application.processEvents()
    return window.table.selected


def names_of_columns():
    return [column.name for column in COLUMNS]


def names(window):
    return [row.name for row in window.model.rows]


def test_filters_search_plate_and_tree_show_others(opened, application):
    window = opened()
    everything = len(window.model.rows)
    window.search.setText("gfp timelapse")
    assert until(application, lambda: len(names(window)) == 6)
    window.table.head.set_condition("t", "2..4")
    assert until(application, lambda: len(names(window)) == 3)
    window._clear()
    assert until(application, lambda: len(names(window)) == everything)
    point = window.plate.centre_of(2, 2)
    press(window.plate, point)
    assert until(application, lambda: {row.well for row in window.model.rows} == {"C03"})
    assert window.table.head.conditions == {"well": "=C03"}
    press(window.plate, point)
    assert until(application, lambda: len(names(window)) == everything)
    runs = next(path for path in window.tree._items if path.endswith("runs"))
    window.tree.setCurrentItem(window.tree._items[runs])
    assert until(application, lambda: {row.kind for row in window.model.rows} == {"run"})
    outcomes = {row.outcome for row in window.model.rows}
    assert outcomes == {"complete", "cancelled (the sample drifted away)"}
    window.table.sorted_by.emit("outcome", False)
    assert until(application, lambda: window.model.rows[0].outcome.startswith("cancelled"))


def press(widget, point):
    from PySide6.QtCore import QEvent, Qt
    from PySide6.QtGui import QMouseEvent

    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    widget.mousePressEvent(
        QMouseEvent(QEvent.Type.MouseButtonPress, point, widget.mapToGlobal(point), left, left, none)
    )


def test_a_selection_becomes_a_stack_in_a_viewer_that_starts_meanwhile(opened, application, folder):
    window = opened()
    rows = choose_rows(window, application, lambda row: row.channel == "GFP" and row.t)
    assert len(rows) == 6
    assert window.target.currentText() == "new headless viewer"
    window.send_selected()
    assert until(application, lambda: window.outgoing.status.startswith("6 of 6 images sent"))
    assert until(application, lambda: not window.outgoing.is_sending)
    assert window.outgoing.problem == ""
    viewer = open_viewer("browser-headless", "headless")
    try:
        assert list(viewer.panes()) == ["timelapse"]
        viewer.select("timelapse", t="4").received(PATIENCE_S)
        with open_movie(folder / "timelapse" / "drug_C05_s1_GFP_t004.tif") as movie:
            sent = movie.read(0)
        assert poll_until(lambda: np.array_equal(viewer.image("timelapse"), sent), PATIENCE_S)
    finally:
        viewer.leave()
    assert until(application, lambda: window.target.currentText() == "browser-headless (headless)")


def test_a_run_and_a_plate_go_to_a_viewer_with_their_components(opened, application):
    window = opened()
    choose_rows(window, application, lambda row: row.name == "two places/right" or row.well == "B07")
    window.send_selected()
    assert until(application, lambda: window.outgoing.status.startswith("8 of 8 images sent"))
    assert until(application, lambda: not window.outgoing.is_sending)
    viewer = open_viewer("browser-headless", "headless")
    panes = viewer.panes()
    assert any("two-places" in pane for pane in panes)
    choose_rows(window, application, lambda row: row.name.startswith("two places/"))
    window.send_selected()
    assert until(application, lambda: window.outgoing.status.startswith("12 of 12 images sent"))
    both = viewer.panes()
    viewer.leave()
    assert any(pane.endswith("channel-cytoplasm") for pane in both)  # as a recorded run is shown
    assert "screen.ome.zarr" in panes


def test_a_run_that_goes_on_is_running_and_followed(opened, application, folder):
    timed = {"interval": 0.5, "loops": 1000}
    plan = Sequence(time_plan=timed, channels=[{"config": "nucleus", "exposure": 5}])
    with parfocal.open_rig("microscope", name="browsed") as rig:
        handle = rig.run(plan, name="going on", folder=str(folder / "runs"))
        assert poll_until(lambda: handle.status().events_acquired > 1, PATIENCE_S)
        window = opened()
        window.catalogue.rescan()
        assert until(application, lambda: "going on" in names(window))
        row = window.model.rows[names(window).index("going on")]
        assert window.model.data(window.model.index(names(window).index("going on"), 7)) == "running"
        choose_rows(window, application, lambda one: one.key == row.key)
        window.send_selected()
        viewer = open_viewer("browser-headless", "headless", persist=True)
        try:
            viewer.wait_ready(PATIENCE_S)
            assert until(application, lambda: [one["run"] for one in viewer.followed_runs()] == ["going on"])
        finally:
            viewer.leave()
        handle.cancel("enough")
        handle.wait(timeout_s=PATIENCE_S)
        window.catalogue.rescan()
        ended = "cancelled (enough)"
        assert until(application, lambda: ended in {one.outcome for one in window.model.rows})


def test_a_broken_image_is_told_and_the_others_are_sent(opened, application):
    window = opened()
    rows = choose_rows(window, application, lambda row: row.name in ("cut.tif", "movie.npy"))
    assert len(rows) == 2
    assert until(application, lambda: window.thumbnails.problem(rows[0]))
    cell = window.model.index(names(window).index("cut.tif"), 7)
    assert window.model.data(cell).startswith("cannot be read: the file ends 51200 bytes before")
    window.send_selected()
    assert until(application, lambda: not window.outgoing.is_sending)
    assert window.outgoing.status.startswith("4 of 5 images sent")
    assert "cut.tif" in window.outgoing.problem


def test_viewers_of_others_are_listed_and_a_hung_one_is_ended(opened, application):
    window = opened()
    opens = "open_viewer('theirs', 'headless', persist=True).wait_ready(60)"
    code = f"from parfocal.viewers import open_viewer; {opens}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)
    states = lambda: {line.info.name: line.info.state for line in window.watch.lines}  # noqa: E731
    assert until(application, lambda: states().get("theirs") == "ready")  # a look while it started is older
    (line,) = (line for line in window.watch.lines if line.info.name == "theirs")
    assert line.memory_mb > 10
    psutil.Process(line.info.pid).send_signal(signal.SIGSTOP)
    assert until(application, lambda: states().get("theirs") == "hung")
    window.viewers.table.selectRow([one.info.name for one in window.watch.lines].index("theirs"))
    window.viewers.look()
    assert window.viewers.selected == ["theirs"]
    window.viewers.end_button.click()
    assert until(application, lambda: "theirs" not in states())
    assert poll_until(lambda: is_gone(line.info.pid), PATIENCE_S)


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody may be there to collect it
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("theme", ["dark", "light", "red"])
def test_pictures(opened, application, theme, tmp_path):
    from PySide6.QtCore import Qt

    folder = Path(os.environ.get("PARFOCAL_PICTURES", tmp_path))
    window = opened(theme)
    shown = [open_viewer(name, "headless") for name in ("main", "screen")]
    for viewer in shown:
        viewer.show(np.zeros((8, 8), np.uint8)).shown(PATIENCE_S)
    window.table.head.setSortIndicator(names_of_columns().index("outcome"), Qt.SortOrder.AscendingOrder)
    assert until(application, lambda: window.model.rows[0].outcome.startswith("cancelled"))
    choose_rows(window, application, lambda row: row.name == "two places/left")
    seen = lambda: [row for row in window.table.visible if row.shape]  # noqa: E731
    assert until(application, lambda: [line.info.state for line in window.watch.lines] == ["ready", "ready"])
    assert until(
        application,
        lambda: all(window.thumbnails.get(r) is not None or window.thumbnails.problem(r) for r in seen()),
    )
    application.processEvents()
    window.preview.show_picture()
    window.viewers.look()
    picture = folder / f"browser-{theme}.png"
    assert window.grab().save(str(picture))
    for viewer in shown:
        viewer.close(force=True)
    with Image.open(picture) as seen_picture:
        pixels = np.asarray(seen_picture.convert("RGB"))
    assert (pixels.shape[1], pixels.shape[0]) == (1280, 800)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200


SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
PAGE = (Path(__file__).parents[3] / "docs" / "browse.md").read_text(encoding="utf-8")
COMMANDS = [line.split() for line in PAGE.split("```")[1].splitlines() if line.startswith("parfocal")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_of_the_page_run(command, folder, tmp_path, shared_roots):
    for name in ("runs", "data"):
        (tmp_path / name).symlink_to(folder)
    if "--screenshot" not in command:
        command = [*command, "--screenshot", "browser.png", "--seconds", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "parfocal", *command[1:]],
        capture_output=True, text=True, timeout=PATIENCE_S, cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in SCREENS},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{command[2]} in browser.png\n"
    with Image.open(tmp_path / "browser.png") as seen:
        assert seen.size == (1280, 800)
