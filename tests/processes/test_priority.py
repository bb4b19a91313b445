"""Services with real-time priority: all of their process, and nothing that they start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import psutil
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import ConfigError
from parfocal.processes import Supervisor, fork_server, priority
from parfocal.processes.session import start_module
from parfocal.processes.standalone import end_service, find_service, start_service, state_of

from .conftest import PATIENCE_S, kill

needs_permission = pytest.mark.skipif(
    sys.platform != "linux" or bool(priority.why_no_real_time()),
    reason="this user may not have real-time priority",
)


def policies_of(pid: int) -> set[int]:
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir(f"/proc/{pid}/task")}


def refuse(_: int = 0) -> None:
    raise PermissionError(1, "Operation not permitted")


@needs_permission
@pytest.mark.parametrize("forks", [True, False])
def test_all_threads_of_a_service_go_first_after_a_restart_too(
    make_rig, spec, monkeypatch: pytest.MonkeyPatch, *, forks: bool
) -> None:
    """A new Python has threads of libraries before it is told what it is to be; a fork has none."""
    monkeypatch.setattr(fork_server, "LINUX", forks)
    rig, _ = make_rig(spec("quick", real_time=True), spec("slow"))

    def check() -> None:
        with rig.client("quick") as quick:
            assert quick.call("double", 2, timeout_s=PATIENCE_S) == 4  # in a lane whose thread is made for it
        assert policies_of(pid_of(rig, "quick")) == {os.SCHED_RR}
        assert policies_of(pid_of(rig, "slow")) == {os.SCHED_OTHER}

    with rig:
        check()
        rig.restart("quick")
        check()


@needs_permission
def test_a_service_without_a_rig_goes_first_and_what_clears_up_after_it_does_not(spec) -> None:
    record = start_service(spec("quick", real_time=True))
    try:
        assert poll_until(lambda: state_of(record) == "ready", PATIENCE_S)
        assert policies_of(record.pid) == {os.SCHED_RR}
        beside = [child.pid for child in psutil.Process(record.pid).children()]
        assert beside
        assert [policies_of(pid) for pid in beside] == [{os.SCHED_OTHER}] * len(beside)
    finally:
        end_service(record)


def test_a_service_without_a_rig_that_may_not_is_not_started(spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "take_real_time_priority", refuse)
    with pytest.raises(ConfigError, match="real-time priority for quick"):
        start_service(spec("quick", real_time=True))
    assert find_service("quick") is None


def pid_of(rig: Supervisor, service: str) -> int:
    pid = rig.status().services[service].pid
    assert pid is not None
    return pid


@needs_permission
def test_what_such_a_service_starts_is_of_ordinary_priority() -> None:
    def start() -> None:
        priority.take_real_time_priority()
        child = start_module("parfocal.processes.child", stdout=subprocess.PIPE, stderr=sys.__stderr__.buffer)
        found.append((policies_of(child.pid), os.sched_getscheduler(0)))
        kill(child.pid)
        child.communicate()

    found: list[tuple[set[int], int]] = []
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert found == [({os.SCHED_OTHER}, os.SCHED_RR)]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such policy")
def test_what_a_program_of_low_priority_starts_is_of_low_priority_too() -> None:
    def start() -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        with priority.ordinary_priority():
            found.append(os.sched_getscheduler(0))

    found: list[int] = []
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert found == [os.SCHED_BATCH]


def test_processes_start_where_the_c_library_tells_no_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell_nothing(_: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "sched_getscheduler", tell_nothing, raising=False)
    with priority.ordinary_priority():
        pass


def test_who_may_not_is_told_before_anything_starts(
    make_rig: Callable[..., tuple[Supervisor, object]], spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(priority, "take_real_time_priority", refuse)
    rig, _ = make_rig(spec("quick", real_time=True), spec("slow"))
    with pytest.raises(ConfigError, match=r"quick: this user may not have it .*limits\.conf"):
        rig.start()
    assert rig.status().state == "stopped"


def test_a_service_that_is_added_is_told_so_too(make_rig, spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "take_real_time_priority", refuse)
    rig, _ = make_rig(spec("slow"))
    with rig:
        with pytest.raises(ConfigError, match="real-time priority for quick"):
            rig.add(spec("quick", real_time=True))
        assert set(rig.status().services) == {"slow"}


def test_a_system_that_has_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setscheduler", raising=False)
    monkeypatch.delattr(os, "sched_getscheduler", raising=False)
    assert "this system" in priority.why_no_real_time()
    with priority.ordinary_priority():
        pass
