"""Autofocus on the built-in microscope, whose sample is tilted and drifts: what is found is the truth."""

from __future__ import annotations

import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, RunFailedError
from parfocal.rig.opening import open_rig
from parfocal.runs import Sequence

PATIENCE_S = 120.0
WITHIN_UM = 1.0
"""How near to the truth the focus is found: half a step of the planes."""
PLACES = [(0, 0, 10), (400, 0, 10)]
SEARCH = {"range": 20, "step": 2, "exposure": 10}


def focus_um(x_um, time_s):
    return 12.0 + 0.5 * time_s + 0.01 * x_um


@pytest.fixture
def rig(tmp_path):
    changes = {
        "recorder.folder": str(tmp_path / "runs"),
        "camera.options.focus_um": 12.0,
        "camera.options.focus_drift_um_per_s": 0.5,
        "camera.options.focus_tilt": [0.01, 0.0],
        "camera.options.width_px": 256,
        "camera.options.height_px": 256,
    }
    with open_rig("microscope", changes=changes) as rig:
        yield rig


def plan(loops=2, **more):
    channels = [{"config": "nucleus", "exposure": 20}, {"config": "cytoplasm", "exposure": 20, "z_offset": 3}]
    fields = {"channels": channels, "stage_positions": PLACES, "autofocus": SEARCH, **more}
    return Sequence(time_plan={"interval": 4, "loops": loops}, **fields)


def is_dark(rig):
    return not rig["world"].light()


def found_and_followed(rig):
    status = rig.run(plan()).wait(PATIENCE_S)
    assert (status.outcome, status.errors.count) == ("complete", 0)
    assert (status.frames_received, status.frames_stored, status.autofocuses.found) == (8, 8, 4)
    events = parfocal.open_run(status.folder).events()
    assert len(events) == 12
    for event in events:
        x_um, offset_um = PLACES[event["p"]][0], 3.0 if event["c"] == 1 else 0.0
        wanted = focus_um(x_um, event["scheduled_s"]) + offset_um
        assert abs(event["z_um"] - wanted) < WITHIN_UM


def kept_where_the_range_does_not_hold_it(rig):
    narrow = {"range": 4, "step": 1, "exposure": 10}
    there = {"stage_positions": [(0, 0, -30)], "channels": ["nucleus"]}
    status = rig.run(plan(1, autofocus=narrow, **there)).wait(PATIENCE_S)
    assert (status.outcome, status.frames_stored, status.autofocuses.failed) == ("complete", 1, 1)
    assert parfocal.open_run(status.folder).events()[1]["z_um"] == -30.0


def not_found_in_the_dark(rig):
    dark = {"stage_positions": [(0, 0, 12)], "channels": [{"config": "nucleus", "power": 0.0}]}
    handle = rig.run(plan(1, autofocus={**SEARCH, "on_failure": "stop"}, **dark))
    with pytest.raises(RunFailedError, match="stands out"):
        handle.wait(PATIENCE_S)


def cancelled_while_it_looks(rig):
    handle = rig.run(plan(autofocus={**SEARCH, "exposure": 2000}))
    assert poll_until(lambda: not is_dark(rig), PATIENCE_S)
    handle.cancel("enough")
    assert handle.wait(PATIENCE_S).outcome == "cancelled"


def test_the_focus_is_found_where_it_is_or_the_run_does_what_the_plan_says(rig):
    for part in (
        found_and_followed,
        kept_where_the_range_does_not_hold_it,
        not_found_in_the_dark,
        cancelled_while_it_looks,
    ):
        part(rig)
        assert poll_until(lambda: is_dark(rig), PATIENCE_S)
        assert rig["z"].position() == 0.0
    with pytest.raises(BadInputError, match="z cannot go to 205 um"):
        rig.run(plan(stage_positions=[(0, 0, 195)]))
