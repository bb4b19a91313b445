"""Campaigns whose steps are parts of one run, and those over two rigs: with real processes, also killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, RunFailedError
from parfocal.devices.simulated.microscope.sample import shared_sample
from parfocal.processes import directory
from parfocal.rig.campaign import steps_in
from parfocal.rig.campaign_companion import check_rigs
from parfocal.rig.opening import open_rig
from parfocal.rig.recovering import recover
from parfocal.storage.recorded_part import RecordedPart

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("shared_roots")]
PATIENCE_S = 120.0
DARK_WITHIN_S = 60.0
ROOT = Path(__file__).parents[2]
HEIGHTS = [1.0, 2.0, 3.0, 4.0]
LISTED = f"""
from parfocal.runs import Sequence

HEIGHTS = {HEIGHTS}


class Listed:
    def __init__(self):
        self.left, self.told = list(HEIGHTS), []

    def ask(self):
        return {{"z_um": self.left.pop(0)}}

    def tell(self, values, score):
        self.told.append((values["z_um"], score))


def plan(z_um):
    return Sequence(
        channels=["nucleus", "cytoplasm"],
        stage_positions=[(0, 0, z_um), (100, 0, z_um)],
        time_plan={{"interval": INTERVAL, "loops": LOOPS}},
    )


def score(run):
    frames = run.frames("camera", p=0, c="nucleus")
    assert frames.shape[:2] == (LOOPS, 1), frames.shape
    assert not frames.missing
    events = run.events()
    assert len(events) == LOOPS * 4
    return float(events["z_um"][0])


def main(lab):
    process = Listed()
    lab.campaign(plan, score, process, steps=len(HEIGHTS), **OPTIONS)
    assert sorted(process.told) == [(z, z) for z in HEIGHTS], process.told
"""


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"not: {what}"


def script(folder, *, loops=2, interval=0.05, **options):
    file = folder / "listed.py"
    file.write_text(f"LOOPS, INTERVAL, OPTIONS = {loops}, {interval}, {options}\n{LISTED}")
    return file


def opened(name, folder):
    return open_rig("microscope", name=name, changes={"recorder.folder": str(folder)})


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    with opened("left", tmp_path_factory.mktemp("left")) as rig:
        yield rig


@pytest.fixture(scope="module")
def right(shared_roots, tmp_path_factory):
    with opened("right", tmp_path_factory.mktemp("right")) as rig:
        yield rig


def is_at_work(campaign):
    return (run := campaign.current) is not None and run.status().events_acquired > 1


def test_all_steps_are_parts_of_one_run(rig, tmp_path):
    campaign = rig.campaign(script(tmp_path, one_run=True), name="one")
    assert campaign.wait(PATIENCE_S).outcome == "complete"
    steps = campaign.steps()
    assert [step.score for step in steps] == HEIGHTS
    assert {step.run for step in steps} == {"one-1"}
    assert [(step.first_event, step.events) for step in steps] == [(0, 8), (8, 8), (16, 8), (24, 8)]
    best = campaign.best()
    assert best is not None
    assert best.values == {"z_um": 4.0}
    record = parfocal.open_run(best.folder)
    assert (record.outcome, len(record.manifest.phases)) == ("complete", 0)
    assert len(record.events()) == 32
    assert [command.command for command in record.manifest.commands].count("extend") == 3
    part = RecordedPart(Path(best.folder), [{"number": n, "index": {"t": 6}} for n in range(24, 28)])
    assert np.array_equal(np.unique(part.events()["t"]), [6])


def test_a_part_of_a_run_counts_from_0(rig):
    status = rig.runs["one-1"].status()
    part = RecordedPart(Path(status.folder), rig.runs["one-1"].events[8:16])
    assert np.array_equal(part.frames(p=0, c=1, t=0), part.whole.frames(p=2, c="cytoplasm", t=2))
    assert part.frames(t=slice(None), p=[0, 1]).shape[:3] == (2, 2, 2)
    with pytest.raises(BadInputError, match="t goes from 0 to 1"):
        part.frames(t=2)
    assert part.rows("run_events")["number"].tolist() == list(range(8, 16))


def test_a_step_that_is_cut_short_has_no_score_and_the_record_goes_on(rig, tmp_path):
    campaign = rig.campaign(script(tmp_path, one_run=True, loops=10_000), name="cut")
    until(lambda: is_at_work(campaign), "it goes on")
    run = campaign.current
    campaign.pause("a look")
    until(lambda: run.status().state == "paused", "its run is paused")
    campaign.resume()
    until(lambda: run.status().state == "running", "its run goes on")
    folder = run.status().folder
    run.cancel("of no use")
    until(lambda: campaign.step[0] == 2 and is_at_work(campaign), "the next step")
    until(lambda: campaign.current.status().folder == folder, "the same record")
    campaign.cancel("enough")
    assert campaign.wait(PATIENCE_S).outcome == "cancelled"
    until(lambda: campaign.current is None, "all has ended")
    first = campaign.steps()[0]
    assert (first.outcome, first.score, first.folder) == ("cancelled", None, folder)


def test_finished_it_brings_its_step_to_an_end(rig, tmp_path):
    campaign = rig.campaign(script(tmp_path, one_run=True, loops=20, interval=0.2), name="finished")
    until(lambda: is_at_work(campaign), "it goes on")
    campaign.finish("one is enough")
    assert campaign.wait(PATIENCE_S).outcome == "finished early"
    assert [(step.outcome, step.score) for step in campaign.steps()] == [("complete", 1.0)]
    assert parfocal.open_run(campaign.steps()[0].folder).outcome == "complete"


@pytest.mark.parametrize("one_run", [False, True], ids=["runs", "one run"])
def test_two_rigs_share_the_steps(rig, right, tmp_path, one_run):
    name = f"both{int(one_run)}"
    campaign = rig.campaign(script(tmp_path, one_run=one_run, also_on=["right"]), name=name)
    assert campaign.wait(PATIENCE_S).outcome == "complete"
    steps = campaign.steps()
    assert sorted(step.step for step in steps) == [1, 2, 3, 4]
    assert {step.rig for step in steps} == {"left", "right"}
    assert all(step.score == step.values["z_um"] for step in steps)
    until(lambda: right.runs[f"{name}-of-left"].status().ended, "the end of what it had there")
    assert right.runs[f"{name}-of-left"].status().outcome == "complete"
    assert {status.parent for run, status in right.runs.statuses().items() if run.startswith(f"{name}-")} == {
        "",
        f"{name}-of-left",
    }


def test_the_example_finds_a_best_exposure_with_both(rig, right, tmp_path):
    text = (ROOT / "examples" / "scripts" / "two_microscopes.py").read_text()
    (tmp_path / "two_microscopes.py").write_text(f"{text}STEPS = 7\n")
    campaign = rig.campaign(tmp_path / "two_microscopes.py", name="two")
    assert campaign.wait(PATIENCE_S).outcome == "complete"
    steps = campaign.steps()
    assert {step.rig for step in steps} == {"left", "right"}
    assert len(steps) == 7
    assert len({step.values["exposure_ms"] for step in steps}) >= 4, (
        "those that are spread; best ones may come again"
    )
    assert all(step.outcome == "complete" and step.events == 3 for step in steps)


def test_two_rigs_are_paused_and_cancelled_together(rig, right, tmp_path):
    campaign = rig.campaign(script(tmp_path, loops=10_000, also_on=["right"]), name="held")
    there = lambda: [  # noqa: E731
        run for name, run in right.runs.items() if run.status().parent == "held-of-left"
    ]
    until(lambda: is_at_work(campaign) and there() and there()[0].status().events_acquired > 1, "both")
    run = there()[0]
    campaign.pause("a look")
    until(lambda: run.status().state == "paused", "the pause of the other")
    campaign.resume()
    until(lambda: run.status().state == "running", "it goes on there, too")
    campaign.cancel("enough")
    until(lambda: run.status().ended, "its end")
    assert run.status().outcome == "cancelled"


def test_a_rig_that_does_not_run_is_named(rig, tmp_path):
    campaign = rig.campaign(script(tmp_path, also_on=["nowhere"]), name="nowhere")
    with pytest.raises(RunFailedError, match="nowhere"):
        campaign.wait(PATIENCE_S)


@pytest.mark.parametrize(
    ("others", "told"),
    [("right", "a list"), (["left"], "its part"), (["a", "a"], "its part"), ([1], "a list")],
)
def test_rigs_that_cannot_be_are_refused(others, told):
    with pytest.raises(BadInputError, match=told):
        check_rigs("left", others)


@pytest.mark.parametrize("one_run", [False, True], ids=["runs", "one run"])
def test_killed_it_leaves_all_rigs_dark_and_what_was_measured_readable(rig, right, tmp_path, one_run):
    name = f"killed{int(one_run)}"
    file = script(tmp_path, one_run=one_run, loops=30, interval=0.1, also_on=["right"])
    campaign = rig.campaign(file, name=name)
    until(lambda: len(campaign.steps()) >= 2, "two steps")
    until(lambda: is_at_work(campaign), "the next one")
    pid = next(
        one.pid
        for one in psutil.Process(rig.status().services["runs"].pid).children(recursive=True)
        if any("script_main" in word for word in one.cmdline()) or f"script {name}" in " ".join(one.cmdline())
    )
    os.kill(pid, signal.SIGKILL)
    killed_ns = SYSTEM_CLOCK.monotonic_ns()
    with pytest.raises(RunFailedError, match="killed"):
        campaign.wait(PATIENCE_S)
    for one in (rig, right):
        until(lambda one=one: all(status.ended for status in one.runs.statuses().values()), "all has ended")
        world = shared_sample(directory.shm_folder(one.name), "world").read()
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        assert not any(light.level(now_ns) > 0 for light in world.lights.values())
        last_ns = max(light.steps[-1].time_ns for light in world.lights.values())
        assert last_ns - killed_ns < DARK_WITHIN_S * 1e9
    steps = list(steps_in(Path(campaign.status().folder)))
    for step in steps[:2]:
        record = parfocal.open_run(step.folder)
        numbers = range(step.first_event or 0, (step.first_event or 0) + 120)
        assert set(numbers) <= set(record.events()["number"].tolist())
        assert step.score == step.values["z_um"]
    in_hand = [
        status
        for one in (rig, right)
        for run, status in one.runs.statuses().items()
        if run.startswith(f"{name}-") and status.parent and status.outcome == "cancelled"
    ]
    assert in_hand
    assert all("the script that started it has ended" in status.reason for status in in_hand)


def test_recovered_its_run_completes_the_step_in_hand_and_no_more(rig, tmp_path):
    campaign = rig.campaign(script(tmp_path, one_run=True, loops=30, interval=0.1), name="again")
    until(
        lambda: campaign.step[0] == 2 and campaign.current.status().events_acquired > 125, "its second step"
    )
    folder = Path(campaign.steps()[0].folder)
    campaign.cancel("by mistake")
    campaign.wait(PATIENCE_S)
    until(lambda: campaign.current is None, "all has ended")
    with recover(folder) as found:
        status = found.complete().wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired) == ("complete", 240)
    assert "phase 1 was 'cancelled'" in parfocal.open_run(folder).manifest.reason
    with pytest.raises(BadInputError, match="is the record of script 'again'"):
        recover(campaign.status().folder)
