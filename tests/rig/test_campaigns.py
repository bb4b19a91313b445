"""Campaigns: several runs as one, driven by what the ones before have led to."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import parfocal
from parfocal.analysis.optimising import GaussianProcessOptimiser
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, DeadlineError
from parfocal.core.run_status import AWAITS_MORE, RunStatus
from parfocal.rig.campaign import FILE, CampaignRig, carry_out, steps_in
from parfocal.rig.campaign_runs import RunForAll
from parfocal.rig.opening import open_rig

ROOT = Path(__file__).parents[2]
FOCUS_UM = 6.5
PATIENCE_S = 120.0
LONG = """
from parfocal.runs import Sequence


class Once:
    def ask(self):
        return {"interval": 0.05}

    def tell(self, values, score):
        pass


def plan(interval):
    return Sequence(channels=["nucleus"], time_plan={"interval": interval, "loops": 100_000})


def main(lab):
    lab.campaign(plan, lambda run: 0.0, Once(), steps=3)
"""


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"not: {what}"


@pytest.mark.parametrize("bounds", [{}, {"x": (1, 1)}, {"x": (2, 1)}, {"x": (0, math.inf)}])
def test_bounds_that_are_none_are_refused(bounds):
    with pytest.raises(BadInputError, match="bounds"):
        GaussianProcessOptimiser(bounds)


def test_the_same_seed_asks_for_the_same_and_scores_that_are_no_number_are_left_out():
    one, other = (
        GaussianProcessOptimiser({"x": (0, 1), "y": (-5, 5)}, seed=7, maximise=False) for _ in range(2)
    )
    with pytest.raises(BadInputError, match="no trial"):
        _ = one.best
    for _ in range(6):
        values = one.ask()
        assert values == other.ask()
        for process in (one, other):
            process.tell(values, (values["x"] - 0.3) ** 2 + values["y"] ** 2)
    other.tell({"x": 0.3, "y": 0.0}, math.nan)
    assert other.best == one.best


def test_asked_again_before_a_score_is_there_it_asks_for_something_else():
    process = GaussianProcessOptimiser({"x": (0, 1)}, seed=2)
    for _ in range(5):
        values = process.ask()
        process.tell(values, math.sin(9 * values["x"]) * values["x"])
    one, other = process.ask(), process.ask()
    assert abs(other["x"] - one["x"]) > 0.1
    process.leave_out(other)
    process.leave_out(one)
    assert abs(process.ask()["x"] - one["x"]) < 0.01


def test_a_line_that_is_being_written_is_no_step_yet(tmp_path):
    line = '{"step":1,"of":2,"values":{},"run":"a-1","folder":"f","outcome":"complete","score":1.5}\n'
    (tmp_path / FILE).write_text(line + line[:20])
    assert [step.score for step in steps_in(tmp_path)] == [1.5]


def test_what_cannot_be_kept_in_the_record_is_refused_before_a_run_begins(tmp_path):
    class Odd:
        def ask(self):
            return {"z_um": {1j}}

        def tell(self, values, score):
            raise AssertionError(values)

    class FakeRun:
        def status(self):
            return SimpleNamespace(folder=str(tmp_path))

    class NoRuns:
        """It has no begin(): nothing may begin."""

    lab = SimpleNamespace(runs={"odd": FakeRun()})
    with pytest.raises(BadInputError, match=r"z_um = \{1j\}, which can't be kept"):
        carry_out(lab, "odd", lambda z_um: z_um, len, Odd(), 3, [CampaignRig("microscope", NoRuns())])


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("campaigns") / "runs")
    with open_rig(
        "microscope", changes={"recorder.folder": folder, "camera.options.focus_um": FOCUS_UM}
    ) as rig:
        yield rig


@pytest.mark.slow
@pytest.mark.usefixtures("shared_roots")
def test_an_optimiser_finds_the_height_that_the_sample_is_known_to_be_at(rig, tmp_path):
    text = (ROOT / "examples" / "scripts" / "best_focus.py").read_text()
    (tmp_path / "best_focus.py").write_text(f"{text}RUNS = 8\n")
    campaign = rig.campaign(tmp_path / "best_focus.py", name="best")
    assert campaign.wait(timeout_s=PATIENCE_S).outcome == "complete"
    steps = campaign.steps()
    assert [step.step for step in steps] == list(range(1, 9))
    assert campaign.step == (8, 8)
    best = campaign.best()
    assert best is not None
    assert abs(best.values["z_um"] - FOCUS_UM) < 1.0
    manifest = parfocal.open_run(best.folder).manifest
    assert manifest.plan_notes == {"campaign": "best", "step": best.step, "values": best.values}
    children = [status for name, status in rig.runs.statuses().items() if name.startswith("best-")]
    assert [status.parent for status in children] == ["best"] * 8


@pytest.mark.slow
@pytest.mark.usefixtures("shared_roots")
def test_an_optimiser_that_asks_ahead_replaces_what_has_not_begun(rig):
    script = rig.script(ROOT / "examples" / "scripts" / "look_ahead.py", name="ahead")
    assert script.wait(timeout_s=PATIENCE_S).outcome == "complete"
    (run,) = [status for status in rig.runs.statuses().values() if status.parent == "ahead"]
    assert run.outcome == "complete", run.reason
    record = parfocal.open_run(run.folder)
    events, commands = record.events(), record.manifest.commands
    assert [command.command for command in commands].count("replace_future") == 7
    assert 8 <= len(events) <= 9, "what was replaced was never imaged"
    assert np.abs(events["z_um"] - FOCUS_UM).min() < 3.0


@pytest.mark.slow
@pytest.mark.usefixtures("shared_roots")
def test_a_campaign_is_paused_and_cancelled_with_the_run_in_hand(rig, tmp_path):
    (tmp_path / "long.py").write_text(LONG)
    campaign = rig.campaign(tmp_path / "long.py", name="long")
    until(lambda: (run := campaign.current) is not None and run.status().events_acquired > 1, "it goes on")
    current = campaign.current
    assert current is not None
    assert current.name == "long-1"
    campaign.pause("a look")
    until(lambda: current.status().state == "paused", "its run is paused")
    campaign.resume()
    until(lambda: current.status().state == "running", "its run goes on")
    current.cancel("that one is of no use")
    until(lambda: campaign.step[0] == 2 and campaign.current is not None, "the next step")
    campaign.cancel("enough")
    assert campaign.wait(timeout_s=PATIENCE_S).outcome == "cancelled"
    until(lambda: campaign.current is None, "all has ended")
    step = campaign.steps()[0]  # the second one may be there, too: whatever is told first
    assert (step.run, step.outcome, step.score) == ("long-1", "cancelled", None)


class Refusing(SimpleNamespace):
    """A run between two steps that takes no more: as it is being ended, or as the plan is wrong."""

    state, name = "waiting", "night-1"

    def status(self):
        outcome = "complete" if self.state == "ended" else ""
        return RunStatus(run=self.name, state=self.state, outcome=outcome, waiting_for=AWAITS_MORE)

    def extend(self, plan):
        raise BadInputError(f"{plan} is not taken")

    def wait(self, timeout_s=None, until="finished"):
        if self.is_ending:
            self.state = "draining" if until == "acquired" else "ended"
        elif timeout_s is not None:
            raise DeadlineError("it goes on")


@pytest.mark.usefixtures("shared_roots")
@pytest.mark.parametrize("is_ending", [False, True])
def test_a_run_that_somebody_is_ending_goes_on_with_the_next_step(is_ending):
    started = []

    def start(plan, **options):
        started.append(options.get("continues", ""))
        return Refusing(is_ending=is_ending)

    runs = RunForAll(start, "night", {})
    runs.begin("one", 1, {"campaign": "night"})
    if is_ending:
        runs.begin("two", 2, {"campaign": "night"})
    else:
        with pytest.raises(BadInputError, match="two is not taken"):
            runs.begin("two", 2, {"campaign": "night"})
    assert started == (["", "night-1"] if is_ending else [""])


@pytest.mark.usefixtures("shared_roots")
def test_a_status_from_before_a_step_does_not_end_it():
    def told(done, total):
        waiting = AWAITS_MORE if done == total else ""
        return RunStatus(
            run="night-1", state="running", events_acquired=done, events_total=total, waiting_for=waiting
        )

    statuses = [told(3, 3), told(3, 3), told(3, 3), told(4, 6), told(6, 6)]  # the third one is what was known
    handle = SimpleNamespace(
        status=lambda: statuses.pop(0), extend=lambda _: told(3, 6), events=list(range(6)), name="night-1"
    )
    runs = RunForAll(lambda *_, **__: handle, "night", {})
    runs.begin(None, 1, {"campaign": "night"})
    assert runs.is_done()
    runs.begin(None, 2, {"campaign": "night"})
    assert [runs.is_done() for _ in range(3)] == [False, False, True]
    assert (runs.result().first_event, runs.result().events) == (3, 3)
