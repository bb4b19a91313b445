"""Start, commands, settings, logs and the end in order, with real processes."""

from __future__ import annotations

import logging
import math
import os
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import (
    AlreadyRunningError,
    BadInputError,
    CommandFailedError,
    ConfigError,
    ProcessError,
    RigNotFoundError,
    ServiceDiedError,
    ServiceUnavailableError,
    StartError,
)
from parfocal.core.status import RigStatus
from parfocal.ipc import Subscription
from parfocal.processes import ServiceSpec, directory
from parfocal.processes.commands import service_commands
from parfocal.testing.forks import exit_code_of_fork

from .conftest import PATIENCE_S, wait_for_text

PYTHON = sys.executable


def diary_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_services_start_in_order_and_end_drained(make_rig, spec, tmp_path) -> None:
    diary = tmp_path / "diary"
    settings = {"diary": str(diary)}
    rig, _ = make_rig(
        spec("sink", depends_on=("source",), settings=settings), spec("source", settings=settings)
    )
    with rig:
        status = rig.status()
        assert status.state == "running"
        assert {name: service.state for name, service in status.services.items()} == {
            "source": "ready",
            "sink": "ready",
        }
        assert diary_of(diary) == ["source open", "sink open"]
    said = diary_of(diary)
    for name in ("source", "sink"):
        assert said.index(f"{name} safe") < said.index(f"{name} close")
    assert said.index("source close") < said.index("sink close"), "who sends ends before who reads"
    assert rig.status().state == "stopped"
    assert not directory.runtime_folder("bench").exists()
    assert not directory.shm_folder("bench").exists()


def test_commands_run_in_the_loop_or_beside_it(make_rig, spec) -> None:
    rig, _ = make_rig(spec(settings={"label": "x"}))
    with rig, rig.client("a") as client:
        assert client.call("double", 21, timeout_s=30) == 42
        assert client.call("state", timeout_s=30) == {"label": "x"}
        assert poll_until(lambda: client.call("get_count", timeout_s=30) > 0, PATIENCE_S)
        assert client.hello(PATIENCE_S).details["rig"] == "bench"
    with pytest.raises(BadInputError, match="did you mean"):
        rig.client("aa")


def test_settings_change_is_checked_told_and_survives_a_restart(make_rig, spec) -> None:
    rig, _ = make_rig(spec())
    told = []
    with rig, rig.client("a") as client:
        subscription = Subscription(rig.folder, ["a"], ("settings",), callback=told.append)
        with pytest.raises(CommandFailedError, match="period_s"):
            client.call("set_settings", {"period_s": -1}, timeout_s=30)
        with pytest.raises(CommandFailedError, match="cannot be set"):
            client.call("set_settings", {"label": "forbidden"}, timeout_s=30)
        with pytest.raises(CommandFailedError, match="extra: inf would be None after a restart"):
            client.call("set_settings", {"extra": math.inf}, timeout_s=30)
        while not told:  # a subscription needs a moment to connect
            client.call("set_settings", {"label": "kept"}, timeout_s=30)
        assert told[0].payload["label"] == "kept"
        client.call("set_settings", {"limit": -math.inf}, timeout_s=30)
        rig.restart("a")
        traffic = client.call("traffic", timeout_s=30)
        assert (traffic["running"], traffic["queued"], traffic["unread_bytes"]) == (1, 0, 0)  # this very call
        settings = client.call("get_settings", timeout_s=30)
        assert (settings["label"], settings["limit"]) == ("kept", -math.inf)
        assert rig.status().services["a"].restarts == 0
        subscription.close()


@pytest.mark.parametrize(
    ("kind", "cause", "code"),
    [
        ("FailsToOpen", "DeviceError: no camera on port 7", 1),
        ("Crashes", "was killed by SIGSEGV", -11),
        ("Missing", "cannot be imported", 1),
    ],
)
def test_a_failed_start_raises_the_real_cause(make_rig, spec, tmp_path, kind, cause, code) -> None:
    diary = tmp_path / "diary"
    rig, ears = make_rig(
        spec("good", settings={"diary": str(diary)}), spec("bad", kind, depends_on=("good",))
    )
    with pytest.raises(StartError, match="'bad' did not become ready") as caught:
        rig.start()
    assert cause in str(caught.value)
    assert (caught.value.service, caught.value.exit_code) == ("bad", code)
    assert caught.value.remote_traceback
    if diary.exists():  # a cause that shows at import may come before the good one has opened
        assert diary_of(diary)[-1] == "good close"
    assert cause in ears.wait("error", service="bad")["error"]
    assert rig.status().services["bad"].pid == 0


@pytest.mark.parametrize("kind", ["FailsToOpen", "Crashes", "Missing"])
def test_a_failed_start_is_raised_and_not_logged_as_well(make_rig, spec, caplog, kind) -> None:
    rig, _ = make_rig(spec("bad", kind))
    with pytest.raises(StartError, match="'bad' did not become ready"):
        rig.start()
    rig.wait()  # its log is closed by then
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_process_that_cannot_be_started_is_a_failed_start(make_rig, spec, monkeypatch) -> None:
    rig, _ = make_rig(spec())
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    monkeypatch.setattr("parfocal.processes.sidecar.sys", SimpleNamespace(executable=PYTHON))
    with pytest.raises(StartError, match=r"could not be started.*/nowhere/python"):
        rig.start()


def test_a_service_that_is_never_ready_is_given_up(make_rig, spec) -> None:
    slow = ServiceSpec(name="slow", factory="parfocal.testing.services:NeverReady", start_timeout_s=1.0)
    rig, _ = make_rig(slow)
    with pytest.raises(StartError, match=r"not ready after \S+ s \(its start_timeout_s is 1\)"):
        rig.start()


def test_wrong_settings_and_wrong_graphs_start_nothing(make_rig, spec) -> None:
    with pytest.raises(ConfigError, match="circle: a, b"):
        make_rig(spec("a", depends_on=("b",)), spec("b", depends_on=("a",)))
    with pytest.raises(ConfigError, match="two services named 'a'"):
        make_rig(spec("a"), spec("a"))
    with pytest.raises(BadInputError, match="rig name 'a/b'"):
        make_rig(name="a/b")
    rig, _ = make_rig(spec("a", settings={"perriod_s": 1}))
    with pytest.raises(StartError, match="did you mean 'period_s'"):
        rig.start()


def test_starting_twice_warns_and_a_stopped_one_stays_stopped(make_rig, spec) -> None:
    rig, _ = make_rig(spec())
    rig.start()
    with pytest.warns(RuntimeWarning, match="started already"):
        rig.start()
    rig.stop()
    rig.stop()
    with pytest.raises(ProcessError, match="cannot be started again"):
        rig.start()


def test_one_rig_of_a_name_and_two_of_two(make_rig, spec) -> None:
    first, _ = make_rig(spec(), name="one")
    second, _ = make_rig(spec(), name="two")
    again, _ = make_rig(spec(), name="one")
    with first, second:
        with pytest.raises(AlreadyRunningError, match=str(os.getpid())) as caught:
            again.start()
        assert caught.value.pid == os.getpid()
        assert [record.rig for record in directory.rigs()] == ["one", "two"]
        with directory.connect("one", "a") as a, directory.connect("two", "a") as b:
            assert a.hello(PATIENCE_S).pid != b.hello(PATIENCE_S).pid
    assert directory.rigs() == ()
    with pytest.raises(RigNotFoundError):
        directory.rig_record("one")


def test_a_resource_has_one_owner_on_this_machine(make_rig, spec) -> None:
    board = {"resource": "tcp:board-1:5000"}
    first, _ = make_rig(spec("owner", settings=board), name="one")
    second, _ = make_rig(spec("other", settings=board), name="two")
    with first:
        pid = first.status().services["owner"].pid
        with pytest.raises(StartError, match=rf"owned by one/owner \(process {pid}\)"):
            second.start()
    third, _ = make_rig(spec("other", settings=board), name="two")
    with third:
        assert third.status().services["other"].state == "ready"


def test_the_rig_serves_itself(make_rig, spec) -> None:
    rig, _ = make_rig(spec())
    rig.start()
    with directory.connect("bench") as client:
        status = client.call("status", timeout_s=30, returns=RigStatus)
        assert status.services["a"].state == "ready"
        client.call("restart", "a", timeout_s=30)
        after = client.call("status", timeout_s=30, returns=RigStatus)
        assert after.services["a"].pid != status.services["a"].pid
        client.call("stop", timeout_s=30)
        assert directory.wait_until_gone("bench", PATIENCE_S)
    assert rig.wait(PATIENCE_S)


def test_an_ended_service_tells_its_callers_and_stays_ended(make_rig, spec) -> None:
    rig, ears = make_rig(spec(), spec("b"))
    with rig, rig.client("a") as client:
        with pytest.raises(CommandFailedError, match=r"rig\.end\('a'\)"):
            client.call("stop", timeout_s=30)
        rig.end("a")
        rig.end("a")
        assert ears.wait("state", name="a", state="exited")["exit_code"] == 0
        with pytest.raises(ServiceUnavailableError):
            client.call("get_count", timeout_s=30)
        assert rig.status().services["b"].state == "ready"
        rig.restart("a")
        assert client.call("get_count", timeout_s=30) >= 0


def test_errors_and_logs_of_children_arrive_with_their_name(make_rig, spec, caplog) -> None:
    rig, ears = make_rig(spec())
    with rig, rig.client("a") as client, caplog.at_level(logging.DEBUG, "parfocal.bench"):
        client.call("raise_in_thread", "odd", timeout_s=30)
        error = ears.wait("error", service="a", fatal=False)
        assert error["error"] == "DeviceError: odd"
        assert "in fail" in error["traceback"]
        assert error["count"] == 1
        client.call("say", "a quiet word", 10, timeout_s=30)
        client.call("say", "a loud word", 30, timeout_s=30)
        ears.wait("log", service="a", message="a loud word")
        assert ears.find("log", message="a quiet word") is None
        rig.set_verbose(True)
        ears.wait("log", service="a", message="verbose logging is on")
        client.call("say", "another quiet word", 10, timeout_s=30)
        ears.wait("log", service="a", message="another quiet word", level=10)
        wait_for_text(rig.folder / "rig.log", "DeviceError: odd", "WARNING parfocal.bench.a: a loud word")
    assert ("parfocal.bench.a", logging.WARNING, "a loud word") in caplog.record_tuples


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_are_told_by_their_titles(make_rig, spec) -> None:
    rig, _ = make_rig(spec())
    with rig:
        title = Path(f"/proc/{rig.status().services['a'].pid}/cmdline").read_bytes()
        assert title.rstrip(b"\0") == b"parfocal: bench/a"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_is_told_that_the_rig_is_its_parents_and_ends_nothing(make_rig, spec) -> None:
    rig, _ = make_rig(spec("source"))

    def refused() -> None:
        others = (rig.start, rig.stop, rig.wait, rig.status, rig.specs, lambda: rig.set_verbose(on=True))
        ofs = (rig.restart, rig.end, rig.remove)
        uses = (*others, *(partial(of, "source") for of in ofs), lambda: rig.add(spec("other")))
        for use in uses:
            with pytest.raises(ProcessError, match="fork"):
                use()

    with rig:
        assert exit_code_of_fork(refused) == 0
        assert exit_code_of_fork(rig.leave) == 0
        assert exit_code_of_fork(lambda: rig.__exit__(None, None, None)) == 0
        assert rig.status().services["source"].state == "ready"


def test_what_a_rig_offers_is_listed_without_starting_it() -> None:
    names = {info.name for info in service_commands("parfocal.testing.services:Counter")}
    assert {"double", "get_count", "get_settings", "set_settings", "state", "set_verbose"} <= names


def test_a_call_to_a_service_that_died_names_its_exit_code(make_rig, spec) -> None:
    rig, ears = make_rig(spec(policy="degrade"))
    with rig, rig.client("a") as client:
        call = client.submit("hang_in_step")
        call.result(PATIENCE_S)
        client.submit("signal_self", 9)
        ears.wait("state", name="a", state="degraded")
        with pytest.raises(ServiceDiedError, match="-9") as caught:
            client.call("get_count", timeout_s=30)
        assert caught.value.exit_code == -9


def test_a_stop_that_comes_before_there_is_a_supervision_starts_nothing(make_rig, spec, monkeypatch) -> None:
    rig, _ = make_rig(spec())
    prepare = rig._prepare

    def stopped_meanwhile():
        rig.begin_stop("the window was closed")
        return prepare()

    monkeypatch.setattr(rig, "_prepare", stopped_meanwhile)
    with pytest.raises(ProcessError, match="stopped meanwhile: the window was closed"):
        rig.start()
    assert rig.wait(PATIENCE_S)
    assert rig.status().state == "stopped"


def test_a_service_that_is_removed_while_it_is_ended_or_restarted_is_told_as_such(
    make_rig, spec, monkeypatch
) -> None:
    rig, _ = make_rig(spec("a"), spec("b"))
    with rig:
        supervision = rig._supervision
        monkeypatch.setattr(supervision, "send", lambda name, _: supervision.remove(name).result(PATIENCE_S))
        rig.end("a")
        with pytest.raises(ProcessError, match="'b' is not ready again: exited it was removed meanwhile"):
            rig.restart("b")


def test_what_a_long_log_tells_of_a_failed_start_begins_with_a_whole_line(make_rig) -> None:
    wordy = ServiceSpec(name="wordy", factory="parfocal.testing.services:DiesWordily")
    rig, _ = make_rig(wordy)
    with pytest.raises(StartError) as caught:
        rig.start()
    lines = caught.value.remote_traceback.splitlines()
    assert len(lines) > 10
    assert lines[0] == "a line of its log"
