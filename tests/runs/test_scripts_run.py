"""Scripts in processes of their own, on a rig that has a lamp, a magnet and runs: one rig for all."""

from __future__ import annotations

import json
import os
import re
import signal
import textwrap
from pathlib import Path

import psutil
import pytest

from parfocal.cli.app import run as parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ClaimedError, RunFailedError
from parfocal.rig.opening import attach, open_rig
from parfocal.runs import confirm
from parfocal.storage import list_runs

pytestmark = pytest.mark.usefixtures("shared_roots")
PATIENCE_S = 60.0
LAB = {
    "name": "scripted",
    "services": {
        "lamp": {"kind": "light", "settings": {"device": "simulated-light"}},
        "magnet": {"kind": "stage", "settings": {"device": "simulated-magnet"}},
    },
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def rig(shared_roots, records):
    with open_rig(LAB | {"runs": {"folder": str(records)}}) as rig:
        yield rig


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "script.py") -> Path:
        file = tmp_path / name
        file.write_text(textwrap.dedent(text))
        return file

    return write


def until(condition, what="it"):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def has_step(handle, text):
    return handle.status().event_text == text


def pid_of(handle) -> int:
    """Return the process of a script, as it wrote it into its log."""
    log = Path(handle.status().folder) / "script.log"
    found: list[int] = []

    def look() -> bool:
        found[:] = map(int, re.findall(r"^pid (\d+)\n", log.read_text(), re.MULTILINE))  # of whole lines
        return bool(found)

    until(look, "the number of the process")
    return found[0]


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended, also if nobody has collected it yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def document_of(handle) -> dict:
    return json.loads((Path(handle.status().folder) / "script.json").read_text())


def test_a_script_runs_with_its_helpers_children_and_record(rig, write, records) -> None:
    write("TURN = {'position_nm': 1000.0}\n", "helper_of_script.py")
    file = write(
        """
        import sys
        import helper_of_script
        from parfocal.runs import call

        def main(lab):
            lab.step("light", of=2)
            lab["lamp"].set_power(0.5)
            assert lab.lamp.power() == 0.5
            lab.step("move")
            status = lab.run(call("magnet", "move_to", helper_of_script.TURN), name="moved").wait()
            print("the move is", status.outcome)
            print("and this is wrong", file=sys.stderr)
            lab.run(call("magnet", "move_to", {"position_nm": 0.0}))  # waited for at the end
        """
    )
    handle = rig.script(file, name="first")
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.script, status.events_acquired) == ("complete", str(file), 2)
    until(lambda: rig["lamp"].power() == 0.0, "darkness: what it has switched on is off again")
    folder = Path(status.folder)
    assert folder.parent == records
    log = (folder / "script.log").read_text()
    assert [line in log for line in ("the move is complete", "and this is wrong", "step 1 of 2: light")]
    assert (len(handle.events), list(handle.events)) == (0, [])
    document = document_of(handle)
    listed = {run.name: run.outcome for run in list_runs(records)}
    assert listed["first"] == document["outcome"] == "complete"
    assert [child["outcome"] for child in document["children"]] == ["complete", "complete"]
    assert document["children"][0]["run"] == "moved"
    assert rig.runs["moved"].status().parent == "first"
    assert sorted(document["hashes"]) == ["helper_of_script.py", "script.py"]
    assert (folder / "script" / "script.py").read_text() == file.read_text()


def test_a_paused_script_holds_its_services_and_goes_on(rig, write) -> None:
    file = write(
        """
        def main(lab):
            lab["lamp"].set_power(0.5)
            lab.step("long", of=1)
            if lab.ask("how long?", ("short", "for ever")) == "short":
                lab.sleep(0.01)
            else:
                lab.sleep(1000)
        """
    )
    handle = rig.script(file)
    until(lambda: handle.status().question == "how long? (short, for ever)", "the question")
    assert "lamp" in handle.status().claims
    with pytest.raises(ClaimedError, match="run 'script' uses lamp"):
        rig["lamp"].set_power(1.0)
    with pytest.raises(ClaimedError, match="run 'script' uses lamp"):
        rig.script(file)
    with pytest.raises(BadInputError, match="is a script: it has no plan"):
        handle.extend(confirm("more?"))
    with pytest.raises(BadInputError, match="answer with one of short, for ever, not 'perhaps'"):
        handle.confirm(text="perhaps")
    handle.pause("a bubble")
    until(lambda: handle.status().state == "paused", "the pause")
    assert handle.status().reason == "a bubble"
    handle.confirm(text="for ever")
    handle.resume()
    until(lambda: handle.status().wait_remaining_s > 900, "the wait")
    assert handle.status().state == "waiting"
    assert parfocal(["pause", "scripted/script"]) == 0
    until(lambda: handle.status().state == "paused", "the second pause")
    with attach("scripted") as other:
        status = other.runs["script"].cancel("enough")
    assert status.run == "script"
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.reason) == ("cancelled", "enough")
    until(lambda: rig["lamp"].power() == 0.0, "darkness")
    rig["lamp"].set_power(0.0)  # nobody holds it
    words = [command["command"] for command in document_of(handle)["commands"]]
    assert words == ["pause", "confirm", "resume", "pause", "cancel"]


def test_a_killed_script_is_told_recorded_dark_and_its_children_end(rig, write) -> None:
    file = write(
        """
        import os, subprocess, sys
        from parfocal.runs import call, combine, confirm

        def main(lab):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print("pid", os.getpid())
            lab["lamp"].set_power(0.5)
            plan = combine(confirm("go on?"), call("magnet", "move_to", {"position_nm": 0.0}))
            child = lab.run(plan, name="asks")
            lab.step("third", number=3)
            child.wait()
        """
    )
    handle = rig.script(file, name="killed")
    until(lambda: has_step(handle, "third"), "the step")
    until(lambda: "asks" in rig.runs and rig.runs["asks"].status().question, "the question of its child")
    child = rig.runs["asks"]
    handle.pause()
    until(lambda: (handle.status().state, child.status().state) == ("paused", "paused"), "both pauses")
    handle.resume()
    until(lambda: child.status().state == "waiting", "the question once more")
    pid = pid_of(handle)
    own = psutil.Process(pid)
    until(lambda: own.children(), "the program that it starts")
    others = own.children()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RunFailedError, match="was killed by SIGKILL at step 3: third"):
        handle.wait(PATIENCE_S)
    ended = child.wait(PATIENCE_S)
    assert (ended.outcome, ended.reason) == ("cancelled", "the script that started it has ended")
    until(lambda: rig["lamp"].power() == 0.0, "darkness")
    until(lambda: all(map(is_gone, others)), "the end of what it started")
    document = document_of(handle)
    assert document["outcome"] == "failed"
    assert document["children"][0]["outcome"] == "cancelled"


def test_a_script_that_raises_has_failed_and_says_where(rig, write, capsys) -> None:
    file = write("def main(lab):\n    name = 'lampe'\n    lab[name].power()\n")
    assert parfocal(["script", "check", str(file), "--rig", "scripted"]) == 0
    capsys.readouterr()
    code = parfocal(["script", "run", str(file), "--rig", "scripted", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, told["outcome"]) == (1, "failed")
    wanted = "the rig has no service 'lampe'; did you mean 'lamp'? (script.py, line 3)"
    assert told["reason"].endswith(wanted)
    assert "lampe" in (Path(told["folder"]) / "script.log").read_text()


@pytest.mark.parametrize("json", [False, True], ids=["for people", "for programs"])
def test_what_a_script_prints_is_shown_where_it_was_started(rig, write, capsys, json) -> None:
    file = write(
        """
        import sys

        def main(lab):
            lab.step("first", of=1)
            lab.log("[bold] " + "a long line " * 40)
            print("no end", end="")
            sys.stdout.flush()
        """
    )
    code = parfocal(["script", "run", str(file), "--rig", "scripted", *(["--json"] if json else [])])
    printed = capsys.readouterr()
    shown = printed.err if json else printed.out
    assert code == 0
    assert "step 1 of 1: first" in shown
    assert "[bold] " + "a long line " * 40 in shown
    assert "no end" in shown.splitlines()
    assert len(printed.out.splitlines()) == 1 or not json


def test_a_script_that_is_wrong_is_refused_and_nothing_starts(rig, write, capsys) -> None:
    file = write("def main(lab):\n    lab['lampe'].power()\n    lab['lamp'].set_power(half=1)\n")
    before = set(rig.runs)
    with pytest.raises(BadInputError, match=r"script\.py:2: the rig has no service 'lampe'"):
        rig.script(file)
    assert set(rig.runs) == before
    assert parfocal(["script", "check", str(file), "--json"]) == 2
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [problem["line"] for problem in told["problems"]] == [2, 3, 3]


def test_a_paused_script_that_is_to_finish_goes_on_with_what_it_has_started(rig, write) -> None:
    file = write(
        """
        from parfocal.runs import call, combine, confirm

        def main(lab):
            lab.step("its child asks")
            plan = combine(confirm("go on?"), call("magnet", "move_to", {"position_nm": 0.0}))
            lab.run(plan, name="part").wait()
            lab.step("never")
        """
    )
    handle = rig.script(file, name="halved")
    until(lambda: "part" in rig.runs and rig.runs["part"].status().question, "the question of its child")
    part = rig.runs["part"]
    handle.pause()
    until(lambda: (handle.status().state, part.status().state) == ("paused", "paused"), "both pauses")
    handle.finish("enough")
    until(lambda: part.status().state == "waiting", "the question once more")
    part.confirm()
    assert handle.wait(PATIENCE_S).outcome == "finished early"
    assert part.status().outcome == "complete"


def test_a_script_that_is_finished_has_its_runs_finish_what_they_have_in_hand(rig, write) -> None:
    file = write(
        """
        from parfocal.runs import call, combine

        def main(lab):
            far = [call("magnet", "move_to", {"position_nm": at}) for at in (8e6, 0.0) * 100]
            lab.run(combine(*far), name="in hand")
            for number in range(1, 100_000):
                lab.step(f"turn {number}")
                lab.sleep(0.02)
        """
    )
    handle = rig.script(file, name="leaves")
    until(lambda: "in hand" in rig.runs and rig.runs["in hand"].status().event_kind == "call", "the call")
    handle.finish("enough")
    assert handle.wait(PATIENCE_S).outcome == "finished early"
    status = rig.runs["in hand"].status()
    assert (status.outcome, status.events_dropped) == ("finished early", {})


def test_a_script_finishes_after_its_step(rig, write) -> None:
    file = write(
        """
        def main(lab):
            for number in range(1, 100_000):
                lab.step(f"turn {number}", number, 100_000)
                lab.sleep(0.02)
        """
    )
    handle = rig.script(file, name="finishes")
    until(lambda: handle.status().event_number > 1, "some steps")
    handle.finish("enough")
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.reason) == ("finished early", "enough")
    assert 1 < status.events_acquired < 100_000


@pytest.mark.slow
def test_a_script_that_calls_nothing_is_told_and_killed(rig, write) -> None:
    file = write(
        """
        import os

        def main(lab):
            print("pid", os.getpid())
            lab.step("works")
            while True:
                pass
        """
    )
    handle = rig.script(file, name="busy")
    until(lambda: has_step(handle, "works"), "the step")
    pid = pid_of(handle)
    handle.pause()
    until(lambda: "not answering the pause yet" in handle.status().waiting_for, "that it does not answer")
    assert handle.status().state == "pausing"
    handle.cancel("enough")
    status = handle.wait(PATIENCE_S)
    assert status.outcome == "cancelled"
    assert status.reason == "enough; it did not end by itself, and its process was killed"
    assert not psutil.pid_exists(pid)


def test_a_script_is_a_module_that_dataclasses_and_other_processes_find(rig, write) -> None:
    file = write(
        """
        from __future__ import annotations

        import pickle
        from dataclasses import dataclass

        @dataclass
        class Spot:
            x: float = 1.0

        def main(lab):
            assert pickle.loads(pickle.dumps(Spot(2.0))) == Spot(2.0)
        """
    )
    assert rig.script(file, name="module").wait(PATIENCE_S).outcome == "complete"


def test_a_fork_of_a_script_neither_holds_its_run_nor_speaks_for_it(rig, write) -> None:
    file = write(
        """
        import os, time

        def main(lab):
            if os.fork() == 0:
                return
            os.wait()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(7)
        """
    )
    with pytest.raises(RunFailedError, match="the process of the script ended with exit code 7"):
        rig.script(file, name="forks").wait(PATIENCE_S)


def test_an_error_that_cannot_be_sent_as_it_is_is_told(rig, write) -> None:
    file = write("def main(lab):\n    open('/no folder/\\udcff')\n")
    with pytest.raises(RunFailedError, match="No such file or directory: '/no folder/"):
        rig.script(file, name="unsendable").wait(PATIENCE_S)
    file = write("def main(lab):\n    raise ValueError('x' * 1_000_000)\n")
    long = rig.script(file, name="long")
    with pytest.raises(RunFailedError, match=r"ValueError: x"):
        long.wait(PATIENCE_S)
    reason = long.status().reason
    assert len(reason) < 3000
    assert reason.endswith("x ... (script.py, line 2)")
    assert "x" * 1_000_000 in (Path(long.status().folder) / "script.log").read_text()
