"""Interlocks of a rig that runs: a door that opens, and one whose process is killed."""

from __future__ import annotations

import os
import signal
import tomllib
from pathlib import Path

import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ParfocalError
from parfocal.rig.opening import open_rig
from parfocal.runs import FreeDisk, Interlock, Reading, Sequence, start_when

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]

PATIENCE_S = 60.0
BUILTIN = Path(parfocal.__file__).parent / "rig" / "builtin" / "microscope.toml"
CLOSED = {"of": "reading", "service": "door", "command": "is_closed", "equals": True, "every_s": 0.05}


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    data = tomllib.loads(BUILTIN.read_text())
    data["services"]["door"] = {"kind": "parfocal.testing.services:Door", "back_off_s": 0.5}
    data["services"]["recorder"]["settings"]["folder"] = str(tmp_path_factory.mktemp("doors") / "runs")
    data["interlocks"] = [{"name": "door", "condition": CLOSED}]
    with open_rig(data) as rig:
        yield rig


@pytest.fixture
def door(rig):
    until(lambda: closes(rig["door"]), "the door is there")
    return rig["door"]


def closes(door):
    try:
        return door.close_door()
    except ParfocalError:  # it is being started again
        return False


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"not: {what}"


def series(loops):
    return Sequence(
        time_plan={"interval": 0.05, "loops": loops}, channels=[{"config": "nucleus", "exposure": 5}]
    )


def running(rig, name):
    handle = rig.run(series(100_000), name=name)
    until(lambda: handle.status().events_acquired >= 2, "it goes on")
    return handle


def test_an_open_door_pauses_every_run_in_the_dark_until_it_is_closed_and_somebody_resumes(rig, door):
    handle = running(rig, "opened")
    door.open_door()
    until(lambda: handle.status().state == "paused", "paused")
    status = handle.status()
    told = "interlock 'door': door.is_closed is no, and not yes"
    assert status.reason == told
    assert status.breached == (told,)
    until(lambda: not rig["world"].light(), "dark")
    with pytest.raises(BadInputError, match="stays paused: interlock 'door'"):
        handle.resume()
    door.close_door()
    until(lambda: not handle.status().breached, "it is seen that it is closed")
    before = handle.status().events_acquired
    handle.resume()
    until(lambda: handle.status().events_acquired > before, "it goes on")
    handle.finish()
    status = handle.wait(timeout_s=PATIENCE_S)
    assert status.outcome == "finished early"
    commands = parfocal.open_run(status.folder).manifest.commands
    assert [command.command for command in commands] == ["interlock", "interlock", "resume", "finish"]
    assert commands[0].details == {"interlock": "door", "breach": "pause", "reason": told}


def test_a_run_is_resumed_by_what_is_so_then_and_not_by_what_was_seen_before(rig, door):
    """It was exposed until the next look, which may be seconds later."""
    door.set_temperature(20.0)
    cool = Reading(service="door", command="temperature", below=30, unit="degC", every_s=5.0, stale_s=60.0)
    handle = rig.run(series(100_000), name="cooled", interlocks=[Interlock(name="cool", condition=cool)])
    until(lambda: handle.status().events_acquired >= 2, "it goes on")
    handle.pause("look")
    until(lambda: handle.status().state == "paused", "paused")
    before = handle.status().events_acquired
    door.set_temperature(50.0)
    handle.resume()
    until(lambda: handle.status().breached, "it is seen how warm it is")
    status = handle.status()
    assert (status.state, status.events_acquired) == ("paused", before)
    assert status.reason == "interlock 'cool': door.temperature is 50 degC, and not below 30 degC"
    door.set_temperature(20.0)
    until(lambda: not handle.status().breached, "it is cool")
    handle.resume()
    until(lambda: handle.status().events_acquired > before, "it goes on")
    handle.cancel("the test is over")
    assert handle.wait(timeout_s=PATIENCE_S).outcome == "cancelled"


def test_a_run_that_would_begin_with_a_breach_is_refused(rig, door):
    door.open_door()
    with pytest.raises(BadInputError, match=r"interlock 'door'.*Nothing was started"):
        rig.run(series(1), name="refused")
    assert "refused" not in rig.runs


def test_a_door_whose_process_is_killed_is_no_closed_door(rig, door):
    handle = running(rig, "killed")
    os.kill(rig.status().services["door"].pid, signal.SIGKILL)
    until(lambda: handle.status().state == "paused", "paused")
    assert handle.status().reason.startswith("interlock 'door': door.is_closed cannot be told")
    until(lambda: closes(rig["door"]), "the door is there again")
    handle.cancel("the test is over")
    assert handle.wait(timeout_s=PATIENCE_S).outcome == "cancelled"


def test_an_interlock_of_a_plan_ends_its_run(rig, door):
    for command, told in [("temperatur", "nobody can tell"), ("open_door", "only reads")]:
        asked = Reading(service="door", command=command, above=1)
        with pytest.raises(BadInputError, match=told):
            rig.run(series(1), interlocks=[Interlock(name="t", condition=asked)])
    with pytest.raises(BadInputError, match=r"free disk is .* and not above 1e\+06 GB"):
        rig.run(series(1), interlocks=[{"name": "room", "condition": {"of": "free_disk", "above": 1e6}}])
    ends = [
        Interlock(name="room", condition=FreeDisk(above=0.001)),
        {"name": "shut", "condition": CLOSED, "breach": "end"},
    ]
    handle = rig.run(series(100_000), interlocks=ends, name="ended")
    until(lambda: handle.status().events_acquired >= 2, "it goes on")
    door.open_door()
    until(lambda: handle.status().ended, "ended")
    status = handle.status()
    assert (status.outcome, status.reason) == (
        "failed",
        "interlock 'shut': door.is_closed is no, and not yes",
    )


def test_a_plan_waits_until_it_is_warm_and_its_record_has_the_value_that_decided(rig, door):
    door.set_temperature(20.0)
    warm = Reading(service="door", command="temperature", above=30, unit="degC", every_s=0.05)
    handle, other = (rig.prepare(start_when(warm, series(2)), name=name) for name in ("warm", "cold"))
    assert any("start" in warning and "30 degC" in warning for warning in handle.status().forecast.warnings)
    other.start()
    until(lambda: "is 20 degC" in other.status().waiting_for, "it tells what it waits for")
    assert other.status().state == "waiting"
    until(lambda: not rig["world"].light(), "dark")
    other.cancel("too cold")
    assert other.wait(timeout_s=PATIENCE_S).outcome == "cancelled"
    handle.start()
    until(lambda: "is 20 degC" in handle.status().waiting_for, "it tells what it waits for")
    door.set_temperature(37.0)
    status = handle.wait(timeout_s=PATIENCE_S)
    assert (status.outcome, status.events_acquired) == ("complete", 3)
    (decided,) = parfocal.open_run(status.folder).manifest.commands
    assert decided.command == "condition"
    assert decided.details["met"]
    assert decided.details["reason"] == "door.temperature is 37 degC, which is above 30 degC"
