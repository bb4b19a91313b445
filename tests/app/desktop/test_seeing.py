"""The docks that show frames and beads, over a real tracker: drawn, selected, changed, never waited for."""

from __future__ import annotations

import os
import signal
from typing import get_args

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from parfocal.analysis.beads.verdicts import Verdict
from parfocal.app.desktop.bead_board import BeadBoard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SETTINGS = {
    "frames": "camera",
    "tracks": "tracks",
    "drift": "drift",
    "profiles": "profiles",
    "roi_px": 48,
    "workers": 1,
}
CAMERA = {
    "device": "simulated-camera",
    "options": {"width_px": 192, "height_px": 128, "beads": 4, "frame_rate_hz": 20.0, "exposure_ms": 5.0},
}


@pytest.fixture
def config():
    return {
        "name": "seen",
        "runs": {"keep_times": False},
        "services": {
            "camera": {"kind": "camera", "settings": CAMERA},
            "focus": {"kind": "stage", "settings": {"device": "simulated-focus"}},
            "tracker": {
                "kind": "tracker",
                "depends_on": ["camera", "focus"],
                "settings": SETTINGS,
                "hang_after_s": 600.0,
            },
            "xy_lock": {"kind": "xy-lock", "depends_on": ["tracker"]},
        },
    }


@pytest.fixture
def panel(window, rig, until):
    """Return what opens a dock and gives its panel."""
    rig["camera"].start()
    window.show_rig("seen")
    assert until(lambda: window.area is not None)

    def opened(name):
        dock = window.area.open(name)
        assert until(lambda: dock.panel is not None)
        return dock.panel

    return opened


@pytest.fixture
def board(panel, window):
    return window.session.shared(BeadBoard)


def test_frames_and_beads_are_seen_and_a_click_selects_one(panel, board, rig, until):
    live = panel("live camera")
    assert until(lambda: live.pane.shown is not None and live.pane.shown.image is not None)
    assert live.pane.shown.image.shape == (128, 192)
    assert until(lambda: live.switch.live.isChecked())
    rig["tracker"].add_rois([(48.0, 40.0), (140.0, 80.0)])
    assert until(lambda: len(board.centers) == 2)
    first, second = board.centers
    assert board.selected == first
    assert live.clicked(140.0, 80.0)
    assert not live.clicked(100.0, 10.0)
    assert board.selected == second
    assert until(lambda: all(marker.kind != "untracked" for marker in live.pane.shown.markers))
    assert until(lambda: [marker.selected for marker in live.pane.shown.markers] == [False, True])
    board.toggle_reference(first)
    assert until(lambda: [marker.reference for marker in live.pane.shown.markers] == [True, False])
    assert tuple(rig["tracker"].drift().references) == (first,)
    board.remove(first)
    assert until(lambda: list(board.centers) == [second])
    assert board.selected == second


def test_traces_are_drawn_and_a_stopped_tracker_is_told(panel, board, rig, until):
    traces = panel("traces")
    beads = rig["tracker"].add_rois([(48.0, 40.0), (140.0, 80.0)])
    rig["tracker"].set_references([beads[1]])
    assert until(lambda: board.references == (beads[1],))
    named = f"bead {beads[0]} - {beads[1]}"
    assert until(lambda: len(traces.traces(0).get(named, ((), None))[0]) > 10)
    traces.subtract.click()
    assert until(lambda: set(traces.traces(0)) == {f"bead {beads[0]}", f"reference {beads[1]}"})
    pid = rig.status().services["tracker"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert until(lambda: "no answer" in traces.told.text())
    finally:
        os.kill(pid, signal.SIGCONT)
    assert until(lambda: "no answer" not in traces.told.text())
    profile = panel("profile")
    assert until(lambda: profile.shown is not None and profile.shown["bead"][0] == beads[0])
    assert until(lambda: "a model needs a z table" in profile.told.text())
    board.selected = beads[1]
    assert until(lambda: profile.shown["bead"][0] == beads[1])
    assert len(profile.plot.data_of("measured")[0]) == len(profile.shown) > 10


def test_windows_show_the_profile_that_one_of_them_has_chosen(panel, board, rig, open_window, until):
    first, second = rig["tracker"].add_rois([(48.0, 40.0), (140.0, 80.0)])
    assert until(lambda: board.selected == first)
    profile = panel("profile")
    assert until(lambda: profile.shown is not None and profile.shown["bead"][0] == first)
    another = open_window()
    another.show_rig("seen")
    assert until(lambda: another.area is not None)
    there = another.session.shared(BeadBoard)
    assert until(lambda: (there.refresh(), there.centers)[1])
    there.selected = second
    assert until(lambda: another.area.open("profile").panel is not None)
    assert until(lambda: profile.shown["bead"][0] == second)
    assert until(lambda: f"bead {second}, chosen in another window" in profile.told.text())
    another.close()
    assert until(lambda: profile.shown["bead"][0] == first)
    assert until(lambda: "another window" not in profile.told.text())


def test_beads_are_listed_chosen_removed_and_locked(panel, board, rig, until, monkeypatch):
    live, beads = panel("live camera"), panel("beads")
    first, second = rig["tracker"].add_rois([(48.0, 40.0), (140.0, 80.0)])
    assert until(lambda: list(beads.table.texts()) == [str(first), str(second)])
    assert until(lambda: beads.table.texts()[str(second)][5] not in ("", "no rows yet"))
    assert board.selected == first
    row = beads.table.visualItemRect(beads.table.topLevelItem(1))
    with monkeypatch.context() as patched:  # the first click into a window that is behind others
        patched.setattr(beads.table, "hasFocus", lambda: False, raising=False)
        QTest.mouseClick(beads.table.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
        assert until(lambda: live.pane.shown is not None and live.pane.shown.markers)
    assert board.selected == second
    with monkeypatch.context() as patched:  # a click on the image while the list has the focus
        patched.setattr(beads.table, "hasFocus", lambda: True, raising=False)
        assert live.clicked(48.0, 40.0)
        assert until(lambda: beads.table.selected_key() == str(first))
    assert live.clicked(140.0, 80.0)
    beads.reference.click()
    assert until(lambda: beads.table.texts()[str(second)][0] == f"{second} ref")
    assert until(lambda: beads.table.texts()[str(second)][4] in (*get_args(Verdict), "not stuck"))
    assert until(lambda: set(beads.locks) == {"xy_lock"})
    lock = beads.locks["xy_lock"]
    lock.switch.click()
    assert until(lambda: lock.status.value is not None and lock.status.value.on)
    assert rig["xy_lock"].status().on
    rig["xy_lock"].off()
    assert until(lambda: not lock.switch.isChecked())
    assert until(lambda: "by all beads" in lock.facts.text())
    beads.clear.click()
    assert "all 2 beads" in beads.question._text.text()
    beads.question.buttons["Keep them"].click()
    assert len(rig["tracker"].list_rois().rois) == 2
    beads.clear.click()
    beads.question.buttons["Remove all"].click()
    assert until(lambda: not beads.table.texts())


def test_beads_are_found_in_a_frame_that_is_taken_where_the_camera_does_not_expose(panel, rig, until):
    rig["camera"].stop()
    before = rig.stream("camera").status().produced
    beads = panel("beads")
    assert until(lambda: beads.board.camera == "camera")
    beads.find.click()
    assert until(lambda: len(beads.board.centers) == CAMERA["options"]["beads"])
    assert rig.stream("camera").status().produced == before + 1
    assert not rig["camera"].is_running()
