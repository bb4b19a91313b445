"""Services without a rig: exactly one, found by all, ended with their owner, by idleness or by identity."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.files import private_folder
from parfocal.processes import directory, folders, standalone_process
from parfocal.processes.heartbeat import read_stamps
from parfocal.processes.identity import Identity, identity_of, this_process
from parfocal.processes.locks import FOLDER_LOCK, FileLock, remove_folder
from parfocal.processes.spec import ServiceSpec
from parfocal.processes.standalone import (
    StandaloneRecord,
    connect_service,
    end_service,
    find_service,
    record_path,
    rig_of,
    services,
    start_service,
    state_of,
)
from parfocal.testing.clock import JumpClock

PATIENCE_S = 30.0
START_ELSEWHERE = """
import sys
from parfocal.processes.spec import ServiceSpec
from parfocal.processes.standalone import start_service
from parfocal.processes.identity import this_process
spec = ServiceSpec(name="main", factory="parfocal.testing.services:Counter")
owner = this_process() if sys.argv[1] == "owned" else None
print(start_service(spec, owner=owner).token, flush=True)
sys.stdin.readline()
"""


def spec(kind: str = "Counter", **fields: object) -> ServiceSpec:
    return ServiceSpec(name="main", factory=f"parfocal.testing.services:{kind}", **fields)


def is_ready(record: StandaloneRecord) -> bool:
    return poll_until(lambda: state_of(record) == "ready", PATIENCE_S)


def has_ended(record: StandaloneRecord) -> bool:
    return poll_until(lambda: state_of(record) == "exited", PATIENCE_S)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    for record in services():
        end_service(record, force=True)
    folders.clean()


def start_elsewhere(how: str) -> tuple[subprocess.Popen[str], str]:
    program = subprocess.Popen(
        [sys.executable, "-c", START_ELSEWHERE, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    return program, program.stdout.readline().strip()


def close(program: subprocess.Popen[str]) -> None:
    program.kill()
    program.communicate()


def test_it_is_visible_as_starting_before_it_is_ready() -> None:
    record = start_service(spec("NeverReady"))
    assert state_of(record) == "starting"
    assert [found.token for found in services()] == [record.token]


def test_it_serves_and_ends_in_order(tmp_path) -> None:
    diary = tmp_path / "diary"
    record = start_service(spec(settings={"diary": str(diary)}))
    assert is_ready(record)
    with connect_service("main") as client:
        assert client.call("double", 4, timeout_s=30) == 8
        assert client.hello(PATIENCE_S).details["token"] == record.token
    end_service(record)
    assert has_ended(record)
    assert diary.read_text().splitlines() == ["main open", "main safe", "main safe", "main close"]
    assert services() == ()
    assert find_service("main") is None


def test_twenty_who_ask_at_once_get_the_same_one() -> None:
    programs = [start_elsewhere("persist") for _ in range(2)]
    with ThreadPoolExecutor(18) as pool:
        tokens = {record.token for record in pool.map(lambda _: start_service(spec()), range(18))}
    tokens |= {token for _, token in programs}
    assert len(tokens) == 1
    for program, _ in programs:
        close(program)
    (record,) = services()
    assert is_ready(record), "it persists although those who may have started it were killed"


def test_it_ends_with_its_owner_also_if_that_is_killed() -> None:
    program, token = start_elsewhere("owned")
    (record,) = services()
    assert record.token == token
    assert is_ready(record)
    assert record.owner == tuple(identity_of(program.pid))
    close(program)
    assert has_ended(record)
    assert poll_until(lambda: find_service("main") is None, PATIENCE_S)


def test_it_ends_when_nobody_calls_it(tmp_path) -> None:
    diary = tmp_path / "diary"
    record = start_service(spec(settings={"diary": str(diary)}), idle_after_s=1.0)
    assert has_ended(record)
    assert diary.read_text().splitlines() == ["main open", "main safe", "main safe", "main close"]


def test_idleness_counts_from_when_it_can_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, opening = JumpClock(), iter([None] * 100)
    monkeypatch.setattr(standalone_process, "SYSTEM_CLOCK", clock)
    monkeypatch.setattr(standalone_process, "limit_log", lambda *_: None)
    host = SimpleNamespace(
        rig=rig_of("main"), name="main", calls=0, is_called=False, traffic=lambda: next(opening, "serves")
    )
    assert standalone_process._wait_for_reason(host, None, 1.0) == "nobody has called it for 1 s"
    assert clock.monotonic_ns() > 100 * standalone_process._LOOKS_EVERY_S * 1e9


def test_one_whose_main_thread_stands_is_hung_and_can_be_ended() -> None:
    record = start_service(spec(step_limit_s=0.5), owner=this_process())
    assert is_ready(record)
    with connect_service("main") as client:
        client.call("hang_in_step", timeout_s=30)
        assert poll_until(lambda: state_of(record) == "hung", PATIENCE_S)
        assert client.call("get_count", timeout_s=30) > 0, "its receiver answers all the same"
    end_service(record)
    assert has_ended(record)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who wants a processor")
def test_one_that_works_and_lets_no_thread_run_is_not_hung() -> None:
    alone = {"label": "lets nobody run"}  # for 1.5 s at a time
    record = start_service(spec("Slow", settings=alone), owner=this_process())
    assert is_ready(record)

    def is_silent() -> bool:
        stamps = read_stamps(record_path("main").with_suffix(".beat"))
        return stamps is not None and SYSTEM_CLOCK.monotonic_ns() - stamps.beat > 1.1e9

    assert poll_until(is_silent, PATIENCE_S)
    assert state_of(record) == "ready"


def test_a_stopped_one_is_hung_and_a_killed_one_is_replaced() -> None:
    first = start_service(spec())
    assert is_ready(first)
    os.kill(first.pid, signal.SIGSTOP)
    assert poll_until(lambda: state_of(first) == "hung", PATIENCE_S)
    os.kill(first.pid, signal.SIGKILL)
    assert has_ended(first)
    second = start_service(spec())
    assert second.token != first.token
    assert is_ready(second)
    assert state_of(first) == "exited"
    innocent = first.__class__(**{**_fields(first), "pid": os.getpid(), "mark": "0" * 15})
    end_service(innocent, force=True)
    assert state_of(second) == "ready", "only the process that is meant is ended"


def test_a_start_waits_for_whoever_removes_the_folder_of_the_one_before() -> None:
    folder = directory.runtime_folder(rig_of("main"))
    private_folder(folder.parent)
    private_folder(folder)
    reaper = FileLock.acquire(folder / FOLDER_LOCK, "reaper")
    assert reaper is not None
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(start_service, spec())
        assert poll_until(lambda: (folder.parent / "main.lock").exists(), PATIENCE_S)
        assert not (folder / "main.json").exists()
        remove_folder(reaper)
        record = starting.result(PATIENCE_S)
    assert is_ready(record)


def test_one_that_does_not_open_says_why() -> None:
    record = start_service(spec("FailsToOpen"))
    assert has_ended(record)
    found = find_service("main")
    assert found is not None
    assert (found.state, found.error) == ("crashed", "DeviceError: no camera on port 7")
    assert is_ready(start_service(spec())), "the next start begins anew"


def test_an_owner_that_has_ended_already_gets_nothing() -> None:
    mark = this_process().mark
    record = start_service(spec(), owner=Identity(os.getpid(), f"{int(mark, 16) ^ 1:015x}"))
    assert has_ended(record)


def _fields(record: StandaloneRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def test_a_folder_that_its_reaper_has_just_removed_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    record = start_service(spec())
    assert is_ready(record)
    told = record_path("main").read_bytes()
    folder = record_path("main").parent
    record.process.kill()
    shm = directory.shm_folder(rig_of("main"))
    assert poll_until(lambda: not folder.exists() and not shm.exists(), PATIENCE_S), "its reaper is through"
    private_folder(folder)
    record_path("main").write_bytes(told)  # as it was before the reaper came
    acquire = FileLock.acquire
    raced: list[Path] = []

    def too_late(path: Path, name: str) -> FileLock | None:
        if path == folder / FOLDER_LOCK:
            raced.append(path)
            shutil.rmtree(folder)
        return acquire(path, name)

    monkeypatch.setattr(FileLock, "acquire", too_late)
    end_service(record, force=True)
    assert raced == [folder / FOLDER_LOCK]
