"""Honest work is no hang, silence is one, and who steers may be lost."""

from __future__ import annotations

import os
import signal

import pytest

from parfocal.core.clock import poll_until
from parfocal.processes.identity import identity_of

from .conftest import PATIENCE_S, wait_for_text


@pytest.mark.parametrize("label", ["", "lets nobody run"])
def test_a_long_step_is_shown_as_busy_and_nothing_is_restarted(make_rig, spec, label) -> None:
    rig, ears = make_rig(spec(kind="Slow", settings={"label": label}))
    with rig, rig.client("a") as client:
        assert poll_until(lambda: rig.status().services["a"].busy_s > 1.0, PATIENCE_S)
        assert poll_until(lambda: client.call("get_count", timeout_s=PATIENCE_S) >= 2, PATIENCE_S)
        assert rig.status().services["a"].restarts == 0
    assert ears.find("state", state="hung") is None


def test_a_step_beyond_its_limit_is_hung_although_it_works(make_rig, spec) -> None:
    rig, ears = make_rig(spec(kind="Slow", step_limit_s=0.5, settings={"label": "lets nobody run"}))
    with rig:
        assert "in one step for" in ears.wait("state", name="a", state="hung")["error"]


def test_a_loop_that_belongs_to_another_library_is_judged_by_its_turns(make_rig, spec) -> None:
    rig, ears = make_rig(spec(kind="Windowed"))
    with rig, rig.client("a") as client:
        assert client.call("double", 4, timeout_s=30) == 8, "commands of the loop arrive there"
        assert poll_until(lambda: rig.status().services["a"].busy_s < 1.0, PATIENCE_S)
        client.call("hang_in_step", timeout_s=30)
        assert client.call("ping", timeout_s=30), "its receiver answers all the same"
        assert "its step_limit_s is 1)" in ears.wait("state", name="a", state="hung")["error"]
        ears.wait("state", name="a", state="ready", restarts=1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_outputs_are_safe_when_who_steers_them_is_lost(make_rig, spec, tmp_path, number) -> None:
    diary = tmp_path / "diary"
    lamp = spec("lamp", "Lamp", safe_when_lost=("pilot",), settings={"diary": str(diary)})
    rig, ears = make_rig(spec("pilot", policy="degrade"), spec("other"), lamp)
    with rig, rig.client("lamp") as client:
        client.call("light", timeout_s=30)
        os.kill(rig.status().services["other"].pid, signal.SIGKILL)
        ears.wait("state", name="other", state="ready", restarts=1)
        assert diary.read_text().splitlines()[-1] == "lamp lit", "another's end is none of its business"
        os.kill(rig.status().services["pilot"].pid, number)
        ears.wait("state", name="pilot", state="hung" if number == signal.SIGSTOP else "degraded")
        wait_for_text(diary, "lamp lit\nlamp safe\n")


def test_what_a_service_started_ends_with_it(make_rig, spec) -> None:
    rig, ears = make_rig(spec(kind="Parent"))
    with rig, rig.client("a") as client:
        programs = [identity_of(pid) for pid in client.call("start_programs", timeout_s=30)]
        assert all(program.alive for program in programs)
        os.kill(rig.status().services["a"].pid, signal.SIGKILL)
        ears.wait("state", name="a", state="ready", restarts=1)
        assert poll_until(lambda: not any(program.alive for program in programs), PATIENCE_S)


def test_settings_of_a_megabyte_and_a_child_that_reads_nothing_hold_up_nobody(make_rig, spec) -> None:
    rig, ears = make_rig(spec("big", settings={"label": "x" * 2**20}), spec("other"))
    with rig, rig.client("big") as client:
        assert len(client.call("get_settings", timeout_s=30)["label"]) == 2**20
        pid = rig.status().services["big"].pid
        os.kill(pid, signal.SIGSTOP)
        for _ in range(20_000):  # more than its pipe holds
            rig.set_verbose(False)
        os.kill(rig.status().services["other"].pid, signal.SIGKILL)
        ears.wait("state", name="other", state="ready", restarts=1)
        ears.wait("state", name="big", state="ready", restarts=1)
