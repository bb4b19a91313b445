"""Sweeps for z tables of the simulated tweezers, as runs: looked at, used or not, cancelled, remembered."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

import parfocal
from parfocal.cli.app import run as run_command
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ClaimedError, CommandError, RunFailedError
from parfocal.rig.opening import open_rig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]
WAIT_S = 90.0
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 256,
    "camera.options.beads": 2,
    "camera.options.stuck": 1.0,
    "camera.options.dust": 0,
    "camera.options.frame_rate_hz": 50.0,
    "camera.slots": 256,
}
PLANES = {"start_nm": -600.0, "stop_nm": 600.0, "step_nm": 100.0, "frames": 3}
LONG_PLANES = {"start_nm": -600.0, "stop_nm": 600.0, "step_nm": 400.0, "frames": 150}  # 3 s each
LONGER_PLANES = LONG_PLANES | {"frames": 300}  # after the last one it ends


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps")
    with open_rig("tweezers", name="sweeps", changes=SMALL | {"recorder.folder": str(folder)}) as rig:
        rig["camera"].snap(timeout_s=WAIT_S)
        found = rig["tracker"].find_beads(timeout_s=WAIT_S).rois
        assert len(found) == 2
        yield rig


@pytest.fixture(autouse=True)
def at_home(rig):
    yield
    rig["focus"].move_to(0.0, timeout_s=WAIT_S)


@pytest.fixture
def field(rig):
    """Tables that are remembered as those of field A, and in use."""
    if "A" not in rig["tracker"].table_fields():
        sweep = rig.sweep(**PLANES)
        assert sweep.wait(WAIT_S).outcome == "complete"
        sweep.accept(field="A")
    rig["tracker"].load_tables(field="A")
    return "A"


def beads_with_tables(rig):
    return rig["tracker"].state()["tables"]["beads"]


def test_a_sweep_is_a_run_whose_tables_are_looked_at_and_then_used(rig):
    rig["tracker"].clear_tables()
    sweep = rig.sweep(**PLANES, name="first")
    status = sweep.wait(WAIT_S)
    assert status.outcome == "complete"
    assert rig["focus"].position() == 0.0
    assert beads_with_tables(rig) == []
    shown = sweep.preview(bead=1)
    assert shown.profiles.shape == (len(shown.heights_nm), len(shown.radii_px))
    assert -600 <= shown.usable_nm[0] < shown.usable_nm[1] <= 600
    assert 0.2 < shown.chi2 < 5
    assert np.ptp(shown.profiles, axis=0).max() > 0.05, "the rings change with height"
    with pytest.raises(BadInputError, match="no table of bead 7"):
        sweep.preview(bead=7)
    digest = sweep.accept(field="A")
    assert (digest, beads_with_tables(rig)) == (sweep.quality()["hash"], [0, 1])
    with pytest.raises(BadInputError, match="accepted"):
        sweep.accept()
    record = parfocal.open_run(status.folder)
    (called,) = record.manifest.commands
    assert (called.command, called.details["outcome"]) == ("tracker.sweep_tables", "done")
    assert called.details["result"]["beads"] == [0, 1]


def test_downwards_and_with_an_index_factor_the_heights_are_those_of_the_sample(rig):
    down = PLANES | {"start_nm": 600.0, "stop_nm": -600.0}
    sweep = rig.sweep(**down, index_factor=0.5)
    assert sweep.wait(WAIT_S).outcome == "complete"
    heights = sweep.preview(bead=0).heights_nm
    assert (heights[0], heights[-1]) == pytest.approx((-300.0, 300.0), abs=60)
    before = rig["tracker"].state()["tables"]["hash"]
    sweep.discard()
    assert rig["tracker"].state()["tables"]["hash"] == before
    with pytest.raises(BadInputError, match="discarded"):
        sweep.preview(bead=0)


def test_tables_are_remembered_by_field_and_unloaded(rig, field):
    assert field in rig["tracker"].table_fields()
    rig["tracker"].clear_tables()
    assert rig["tracker"].state()["tables"]["hash"] == ""
    rig["tracker"].load_tables(field=field)
    assert beads_with_tables(rig) == [0, 1]
    with pytest.raises(CommandError, match="field 'B'"):
        rig["tracker"].load_tables(field="B")
    with pytest.raises(CommandError, match="can't be called"):
        rig["tracker"].save_tables(field="../A")
    with pytest.raises(CommandError, match="one of them"):
        rig["tracker"].load_tables()


def test_tables_are_used_for_some_beads_of_a_sweep(rig):
    sweep = rig.sweep(**PLANES)
    assert sweep.wait(WAIT_S).outcome == "complete"
    with pytest.raises(BadInputError, match=r"not of \[7\]"):
        sweep.accept(beads=[1, 7])
    with pytest.raises(BadInputError, match="beads is empty"):
        sweep.accept(beads=[])
    digest = sweep.accept(beads=[1])
    assert beads_with_tables(rig) == [1]
    assert rig["tracker"].state()["tables"]["hash"] == digest != sweep.quality()["hash"]


@pytest.mark.usefixtures("field")
def test_a_table_goes_into_a_text_file_and_comes_back_for_all_beads(rig, tmp_path):
    path = tmp_path / "table.txt"
    rig["tracker"].export_table(path, 1)
    matrix = np.loadtxt(path)
    assert np.diff(matrix[0]) == pytest.approx(100.0)
    digest = rig["tracker"].import_tables(path)
    assert rig["tracker"].state()["tables"] | {"file": ""} == {"file": "", "beads": [], "hash": digest}
    path.write_text("height, radius\n1, two\n", encoding="utf-8")
    with pytest.raises(CommandError, match="no matrix of numbers"):
        rig["tracker"].import_tables(path)


@pytest.mark.usefixtures("field")
def test_tables_that_were_replaced_leave_the_memory(rig, tmp_path):
    path = tmp_path / "table.txt"
    rig["tracker"].export_table(path, 1)
    for _ in range(5):
        rig["tracker"].import_tables(path)
    used = Path(rig["tracker"].state()["tables"]["file"])
    assert used.exists()
    assert len(list(used.parent.glob("*.tables"))) <= 3


@pytest.mark.parametrize(
    ("planes", "phase"),
    [(LONG_PLANES, "plane 1 of 4"), (LONG_PLANES, "plane 2 of 4"), (LONGER_PLANES, "plane 4 of 4")],
    ids=["first", "middle", "last"],
)
def test_cancelled_in_any_phase_the_focus_is_back_and_the_tables_stay(rig, planes, phase):
    before = rig["tracker"].state()["tables"]["hash"]
    rig["focus"].move_to(150.0, timeout_s=WAIT_S)
    sweep = rig.sweep(**planes)
    assert poll_until(lambda: sweep.status().event_text.startswith(phase), WAIT_S)
    with pytest.raises(ClaimedError):
        rig["focus"].move_to(0.0)
    sweep.cancel("enough")
    status = sweep.wait(WAIT_S)
    assert (status.outcome, status.events_dropped) == ("cancelled", {"cancelled": 1})
    assert rig["focus"].position() == pytest.approx(150.0)
    assert not rig["camera"].is_running()
    assert rig["tracker"].state()["tables"]["hash"] == before
    with pytest.raises(BadInputError, match="not ended whole"):
        sweep.preview(bead=0)


def test_a_sweep_beyond_the_limits_fails_before_anything_moves(rig):
    sweep = rig.sweep(start_nm=0, stop_nm=1e7, step_nm=1e4)
    with pytest.raises(RunFailedError, match="limits of 'focus'"):
        sweep.wait(WAIT_S)
    assert rig["focus"].position() == 0.0
    with pytest.raises(BadInputError, match="start_nm"):
        rig.sweep(start_nm="low")
    with pytest.raises(BadInputError, match="fokus"):
        rig.sweep(focus="fokus")


def test_a_killed_worker_fails_the_sweep_and_the_focus_is_back(rig):
    sweep = rig.sweep(**LONG_PLANES)
    assert poll_until(lambda: sweep.status().event_text.startswith("plane 2"), WAIT_S)
    os.kill(rig.status().services["tracker-1"].pid, signal.SIGKILL)
    with pytest.raises(RunFailedError, match="tracker-1"):
        sweep.wait(WAIT_S)
    record = parfocal.open_run(sweep.status().folder)
    assert record.manifest.outcome == "failed"
    assert rig["focus"].position() == pytest.approx(0.0)


def test_the_python_of_the_guide_runs(rig, capsys):
    page = (Path(__file__).parents[2] / "docs" / "workbench.md").read_text(encoding="utf-8")
    names = {"rig": rig, "parfocal": parfocal}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, names)
    told = capsys.readouterr().out
    assert "complete" in told
    assert "finished early" in told


def test_on_the_command_line(rig, capsys):
    typed = ["sweep", "sweeps", "--start-nm", "-400", "--stop-nm", "400", "--frames", "2", "--field", "B 2"]
    assert run_command([*typed, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["outcome"] == "complete"
    assert "B 2" in rig["tracker"].table_fields()
    assert run_command([*typed, "--discard"]) == 0
    assert "discarded" in capsys.readouterr().out
