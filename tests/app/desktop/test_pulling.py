"""The docks of motors, force and recording: moves, pulls and acquisitions as runs, over a real rig."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CAMERA = {
    "device": "simulated-camera",
    "options": {"width_px": 96, "height_px": 64, "beads": 1, "frame_rate_hz": 20.0, "exposure_ms": 5.0},
}
FORCE = {"heights": [0.0, 1e6, 2e6, 3e6], "forces_pn": [20.0, 10.0, 5.0, 2.5]}


@pytest.fixture
def config(tmp_path):
    return {
        "name": "pulled",
        "runs": {"keep_times": False},
        "services": {
            "camera": {"kind": "camera", "settings": CAMERA},
            "focus": {"kind": "stage", "settings": {"device": "simulated-focus"}},
            "magnet": {"kind": "stage", "settings": {"device": "simulated-magnet"}},
            "force": {"kind": "force", "depends_on": ["magnet"], "settings": FORCE},
            "tracker": {
                "kind": "tracker",
                "depends_on": ["camera"],
                "settings": {"frames": "camera", "tracks": "tracks", "roi_px": 48, "workers": 1},
            },
            "recorder": {
                "kind": "recorder",
                "depends_on": ["camera", "magnet", "tracker"],
                "settings": {"frames": [], "rows": ["tracks", "magnet"], "folder": str(tmp_path / "runs")},
            },
        },
    }


@pytest.fixture
def panel(window, rig, until):
    window.show_rig("pulled")
    assert until(lambda: window.area is not None)

    def opened(name):
        dock = window.area.open(name)
        assert until(lambda: dock.panel is not None)
        return dock.panel

    return opened


def test_stages_move_and_the_magnet_pulls_as_a_run(panel, rig, until, window):
    motors = panel("motors")
    assert until(lambda: {"focus", "magnet", "force"} <= set(motors.cards))
    focus, force = motors.cards["focus"], motors.cards["force"]
    assert until(lambda: "z" in focus.axes and focus.positions.value is not None)
    row = focus.axes["z"]
    row.step.show_value(150.0)
    row.up.click()
    assert until(lambda: rig["focus"].position() == pytest.approx(150.0))
    assert until(lambda: row.position.text() == "150 nm")
    row.target.show_value(-9000.0)
    row.go.click()
    assert "by -9150 nm" in focus.question._text.text()
    focus.question.buttons["Stay"].click()
    row.target.show_value(1e9)
    row.go.click()
    focus.question.buttons["Move"].click()
    assert until(lambda: "1e+09" in focus.line.text.text() or "1000000000" in focus.line.text.text())
    assert rig["focus"].position() == pytest.approx(150.0)
    rig["focus"].move_to(40.0)
    assert until(lambda: row.position.text() == "40 nm")
    force.fields["hold"]["force_pn"].show_value(8.0)
    force.fields["hold"]["seconds"].show_value(600.0)
    force.save.setChecked(False)
    force.buttons["hold"].click()
    assert until(lambda: force.run.run is not None and force.run.run.state == "running")
    assert until(lambda: "pN" in force.now.text())
    force.run.stop.click()
    assert until(lambda: window.session.snapshot().runs[force.run.run.run].outcome == "cancelled")


def test_forces_are_switched_on_where_their_curve_is_shown(panel, rig, until):
    extension = panel("extension")
    rig["camera"].start()
    rig["tracker"].add_rois([(48.0, 32.0)])
    assert until(lambda: extension.told.text().startswith("The curve grows of live forces, which are off."))
    extension.switch.click()
    assert until(lambda: rig["force"].live_status().on and extension.switch.isChecked())
    assert until(lambda: "are off" not in extension.told.text())


@pytest.mark.parametrize("written", ["1,30", "-2", "1e400"])
def test_a_recording_of_no_length_that_can_be_is_not_started(written, panel, until, window):
    recording, force = panel("recording"), panel("motors").cards
    recording.seconds.setText(written)
    recording.save.click()
    assert recording.line.text.text()
    assert recording.line.text.objectName() == "alarm"
    assert not recording.line.is_pending
    recording.refresh()
    assert recording.line.text.text()
    assert until(lambda: "force" in force)
    force["force"].fields["hold"]["force_pn"].setText("1,30")
    force["force"].buttons["hold"].click()
    assert "no number" in force["force"].line.text.text()
    assert not force["force"].line.is_pending


def test_an_acquisition_is_recorded_with_its_sample_and_finished(panel, rig, until, tmp_path):
    recording = panel("recording")
    rig["tracker"].add_roi(48.0, 32.0)
    assert until(lambda: "GB free" in recording.room.text() and "MB/s" in recording.room.text())
    recording.name.setText("first")
    recording.sample.setText("lambda DNA")
    recording.notes.setPlainText("after lunch")
    recording.save.click()
    assert until(lambda: recording.run.run is not None and recording.run.run.state == "running")
    assert recording.run.run.run == "first"
    recording.run.finish.click()
    assert until(lambda: recording.run.run.ended)
    (made,) = (tmp_path / "runs").iterdir()
    told = "".join(path.read_text("utf-8") for path in made.glob("*.json"))
    assert "lambda DNA" in told
    assert "after lunch" in told


def test_a_table_is_swept_looked_at_left_out_and_used(panel, rig, until):
    (header,) = rig["camera"].snap(timeout_s=60.0)
    (there,) = rig["camera"].ground_truth(header.frame)
    tables = panel("tables")
    review = tables.review
    assert until(lambda: "no beads yet" in tables.told.text())
    bead = rig["tracker"].add_roi(float(there["x_px"]), float(there["y_px"]))
    assert until(lambda: "in 21 planes, then back to 0 nm" in tables.told.text())
    tables.fields["stop_nm"].show_value(20_000.0)
    assert until(lambda: "the limits of 'focus' are" in tables.told.text())
    assert not tables.make.isEnabled()
    for name, value in {"start_nm": -300.0, "stop_nm": 300.0, "frames": 2}.items():
        tables.fields[name].show_value(value)
    assert until(tables.make.isEnabled)
    tables.make.click()
    assert until(lambda: review.view.shown is not None and review.use.isEnabled())
    assert review.view.shown.bead == bead
    assert not rig["tracker"].state()["tables"]["beads"]
    review.leave.click()
    assert until(lambda: review.table.texts()[str(bead)][1] == "no" and not review.use.isEnabled())
    review.leave.click()
    assert until(review.use.isEnabled)
    review.use.click()
    assert until(lambda: "tables of 1 of 1 beads" in tables.in_use.text())
    assert list(rig["tracker"].state()["tables"]["beads"]) == [bead]
    assert until(lambda: not review.isVisible())
