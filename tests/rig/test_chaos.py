"""Chaos: what was drawn, what is compared, and that it finds what is planted."""

from __future__ import annotations

from itertools import product
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunStatus
from parfocal.core.status import ReaderLedger, StreamStatus
from parfocal.devices.simulated.microscope.sample import LightChange
from parfocal.rig import config, run_roles
from parfocal.rig.chaos import promises
from parfocal.rig.chaos.chaos import run_chaos
from parfocal.rig.chaos.faults import ChaosFault, FaultDeck
from parfocal.rig.chaos.inflicting import inflict
from parfocal.rig.chaos.promises import LostProcess, StoredFrames
from parfocal.rig.opening import load_source
from parfocal.runs import Sequence

FEW = 0.05
SERVICES = ["camera", "recorder", "runs"]


@given(st.integers(0, 2**32), st.floats(1.0, 60.0))
def test_a_seed_draws_the_same_faults_in_order_and_within_the_run(seed, seconds):
    faults = FaultDeck(Random(seed), SERVICES).draw(seconds)
    assert faults == FaultDeck(Random(seed), SERVICES).draw(seconds)
    assert 1 <= len(faults) <= 3
    assert list(faults) == sorted(faults, key=lambda fault: fault.at_s)
    for fault in faults:
        assert 0.0 <= fault.at_s <= seconds
        assert (fault.service in SERVICES) == (fault.kind in ("kill", "stop", "delay"))
        assert (fault.lasts_s > 0.0) == (fault.kind not in ("kill", "cancel"))
        assert fault.service or not fault.lit


@pytest.mark.parametrize("seed", range(5))
def test_each_harm_has_come_to_each_process_before_any_comes_again(seed):
    deck = FaultDeck(Random(seed), SERVICES)
    times = dict.fromkeys(product(("kill", "stop", "delay"), SERVICES), 0)
    for _ in range(100):
        for fault in deck.draw(3.0):
            if fault.service:
                times[fault.kind, fault.service] += 1
        assert max(times.values()) - min(times.values()) <= 1
    assert min(times.values()) > 5


def test_a_laboratory_without_services_to_kill_has_its_runs_steered():
    faults = [fault for seed in range(30) for fault in FaultDeck(Random(seed), []).draw(2.0)]
    assert {fault.kind for fault in faults} == {"pause", "cancel", "cancel while paused"}


@pytest.mark.parametrize("kind", ["kill", "stop"])
def test_a_process_that_has_ended_meanwhile_is_left_alone(kind):
    gone = SimpleNamespace(state="ready", pid=2**31 - 1)  # above any that a system gives
    rig = SimpleNamespace(status=lambda: SimpleNamespace(services={"camera": gone}))
    fault = ChaosFault(kind=kind, at_s=0.0, service="camera", lasts_s=0.0)
    assert inflict(fault, rig, None, {"camera": 1.0}) is None


def lit(*spans):
    """Return the log of a light that was on from and to these seconds; to None: it still is."""
    changes = []
    for since_s, until_s in spans:
        changes.append(LightChange(int(since_s * 1e9), "blue", 1.0))
        if until_s is not None:
            changes.append(LightChange(int(until_s * 1e9), "blue", 0.0))
    return changes


@pytest.mark.parametrize(
    ("spans", "wrong"),
    [
        ([(0.0, 1.0), (1.5, 2.0)], 0),
        ([(0.0, 4.0)], 1),
        ([(0.0, 1.0), (6.0, None)], 1),
        ([(9.0, None)], 0),
    ],
)
def test_a_light_is_too_long_on_if_one_span_of_it_is(spans, wrong):
    assert len(list(promises.long_lights(lit(*spans), 10 * 10**9, 3.0))) == wrong


def test_a_light_that_changes_its_power_is_on_all_the_time():
    changes = [
        LightChange(0, "blue", 0.2),
        LightChange(10**9, "blue", 0.4),
        LightChange(5 * 10**9, "blue", 0.0),
    ]
    assert list(promises.long_lights(changes, 10**10, 4.0)) == ["light blue was on for 5.0 s: at most 4.0 s"]


def test_a_death_has_to_be_told_in_time_and_the_machine_may_have_stood_still():
    late = LostProcess(service="camera", lost_s=10.0, seen_s=11.5, within_s=1.0)
    untold = LostProcess(service="recorder", lost_s=10.0, seen_s=None, within_s=1.0)
    assert len(list(promises.silent_deaths([late, untold]))) == 2
    assert list(promises.silent_deaths([late, untold], held_up_s=0.6)) == [
        "recorder was lost, and nobody has told it"
    ]


def test_a_ledger_that_does_not_balance_is_told_with_its_stream():
    ledger = {"name": "viewer", "pid": 1, "policy": "latest", "offered": 9, "in_flight": 0}
    right = ReaderLedger(**ledger, delivered=7, dropped={"skipped": 2})
    wrong = ReaderLedger(**ledger, delivered=7, dropped={})
    streams = {
        "camera": StreamStatus(
            name="camera",
            kind="frames",
            produced=9,
            abandoned=0,
            slots=8,
            writer_pid=1,
            readers=(right, wrong),
        )
    }
    assert list(promises.wrong_ledgers(streams)) == [
        "stream camera: reader 'viewer' counted 7 of 9 that were offered"
    ]


@pytest.mark.parametrize(
    "changes",
    [{"found": 8}, {"lost": 1}, {"stored": 8, "lost": 0}, {"twice": 1}, {"blank": 2}],
)
def test_a_record_that_counts_other_frames_than_it_holds_is_told(changes):
    right = {"stream": "camera", "expected": 9, "stored": 9, "lost": 0, "found": 9}
    assert not list(promises.false_counts([StoredFrames(**right)]))
    assert list(promises.false_counts([StoredFrames(**{**right, **changes})]))


def test_complete_has_to_be_so_in_every_number():
    frames = [StoredFrames(stream="camera", expected=9, stored=9, lost=0, found=9)]
    lost = [StoredFrames(stream="camera", expected=9, stored=8, lost=1, found=8)]
    complete = RunStatus(run="a", state="ended", outcome="complete", events_total=9, events_acquired=9)
    short = RunStatus(run="a", state="ended", outcome="complete", events_total=9, events_acquired=8)
    failed = RunStatus(run="a", state="ended", outcome="failed", events_total=9, events_acquired=8)
    assert not list(promises.false_outcomes(complete, "complete", frames))
    assert not list(promises.false_outcomes(failed, "failed", lost))
    assert list(promises.false_outcomes(complete, "complete", lost))
    assert list(promises.false_outcomes(short, "complete", frames))
    assert list(promises.false_outcomes(failed, "complete", frames))
    assert list(promises.false_outcomes(failed, "recording", frames))


@pytest.mark.parametrize(
    ("outcome", "asked", "engine_lost", "wrong"),
    [
        ("cancelled", True, False, 0),
        ("failed", True, False, 0),
        ("complete", True, False, 1),
        ("complete", True, True, 0),
        ("complete", False, False, 0),
        (None, True, False, 1),
    ],
)
def test_a_cancel_that_was_answered_is_not_lost(outcome, asked, engine_lost, wrong):
    status = None if outcome is None else RunStatus(run="a", state="ended", outcome=outcome)
    assert len(list(promises.lost_cancels(status, asked=asked, engine_lost=engine_lost))) == wrong


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf")])
def test_minutes_that_are_none_are_refused(minutes):
    with pytest.raises(BadInputError, match="minutes must be above 0"):
        run_chaos("microscope", minutes=minutes)


def test_real_hardware_is_refused():
    lamp = {"kind": "light", "settings": {"device": "parfocal.devices.simulated.light:SimulatedLight"}}
    lab = {"name": "lab", "services": {"lamp": lamp}}
    with pytest.raises(BadInputError, match="'lab' has a device that is not simulated"):
        run_chaos(lab)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("rig", ["optogenetics", "tweezers"])
def test_every_promise_holds(rig, tmp_path):
    found = run_chaos(rig, minutes=2 * FEW, seed=5, folder=tmp_path)
    assert found.breaches == ()
    assert found.runs >= 1
    assert found.checks["nothing dies silently"] == found.runs


def lost_cancel(monkeypatch):
    monkeypatch.setattr(run_roles, "FACTORY", "parfocal.testing.planted:DeafRuns")
    return "microscope", "every long thing is a handle"


def uncounted_frame(monkeypatch):
    monkeypatch.setitem(config.KINDS, "recorder", "parfocal.testing.planted:ForgetfulRecorder")
    return "microscope", "nothing is lost silently"


def light_left_on(monkeypatch):
    lab = load_source("microscope").model_dump()
    for light in ("excitation", "stimulation"):
        lab["services"][light]["settings"]["device"] = "parfocal.testing.planted:StubbornLight"
    return lab, "nothing stays on"


LONG_STIMULI = Sequence(
    time_plan={"interval": 0.4, "loops": 6},
    channels=["nucleus"],
    stim_channels=["stimulation"],
    stim_frames="all",
    stim_exposure=300.0,
)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("plant", [lost_cancel, uncounted_frame, light_left_on])
def test_what_is_planted_is_found_within_five_minutes(plant, monkeypatch, tmp_path):
    rig, promise = plant(monkeypatch)
    plan = LONG_STIMULI if plant is light_left_on else None
    seed = 28 if plant is lost_cancel else 1  # the sooner it is drawn, the sooner it is found
    found = run_chaos(rig, plan=plan, minutes=5.0, seed=seed, folder=tmp_path, until_broken=True)
    assert promise in {breach.promise for breach in found.breaches}
