"""The run of a script while others steer it, look at it, and its process tells: each in its own thread."""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue

import msgspec
import pytest

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import ClaimedError
from parfocal.core.messages import Interference
from parfocal.core.run_status import RunStatus
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.scripts import messages, script_run
from parfocal.runs.scripts.script_claims import ScriptClaims
from parfocal.runs.scripts.script_record import FILE, ScriptDocument, ScriptRecord
from parfocal.runs.scripts.script_run import ScriptRun
from parfocal.runs.scripts.script_source import ScriptSource
from parfocal.testing.instruments import MemoryInstruments

LOG = logging.getLogger("test script run")
LONG_S = 60.0
SHORT_S = 0.1
"""Long enough for a thread that does not wait, as it should, to do what it should not."""


class FakeProcess:
    """The process of a script that tells what a test says."""

    killed = False

    def __init__(self) -> None:
        self.tells: SimpleQueue[object] = SimpleQueue()
        self.sent: list[object] = []

    def start(self, log) -> None:
        self.tells.put(messages.ScriptBegan())

    def messages(self):
        while (told := self.tells.get()) is not None:
            yield told

    def send(self, message) -> None:
        self.sent.append(message)
        if isinstance(message, messages.StopScript):
            self.tells.put(None)

    def kill(self) -> None: ...

    def end(self) -> str:
        return "ended with exit code 0"


class FakeClient:
    """A service that may be claimed."""

    def __init__(self, claims: list[str]) -> None:
        self._claims = claims

    def claim(self, run, heard):
        assert not self._claims, f"claimed for {self._claims}"
        self._claims.append(run)
        self.heard = heard
        return self

    def release(self) -> None:
        self._claims.clear()

    def close(self) -> None: ...


@pytest.fixture
def make(tmp_path):
    """Return what makes a script's run of a process, and begins it."""
    made: list[tuple[ScriptRun, FakeProcess]] = []

    def make(children=list) -> tuple[ScriptRun, FakeProcess]:
        process = FakeProcess()
        document = ScriptDocument(rig="lab", run="night", path="/night.py", hashes={})
        source = ScriptSource(path="/night.py", text="", helpers={})
        run = ScriptRun(
            process,
            ScriptClaims("night", lambda _: FakeClient([]), lambda _: None),
            ScriptRecord(tmp_path, document, source, SYSTEM_CLOCK),
            children=children,
            clock=SYSTEM_CLOCK,
            log=LOG,
            tell=lambda _: None,
            caller=lambda: "",
        )
        made.append((run, process))
        return run, process

    yield make
    for run, process in made:
        process.tells.put(None)
        run.join(LONG_S)


def kept(run: ScriptRun) -> ScriptDocument:
    return msgspec.json.decode((run.folder / FILE).read_bytes(), type=ScriptDocument)


def test_an_answer_is_to_the_question_that_was_checked_also_if_the_script_goes_on_meanwhile(
    make, monkeypatch
) -> None:
    run, process = make()
    run.start()
    process.tells.put(messages.ScriptAsks("is the shutter closed?", ("yes", "no"), 1))
    assert poll_until(lambda: run.status().question != "", LONG_S)
    asked = run.status()
    check = script_run.check_asked

    def slow(status, question, event) -> None:
        check(status, question, event)
        process.tells.put(messages.ScriptGoesOn())
        process.tells.put(messages.ScriptAsks("fire the laser?", ("yes", "no"), 2))
        poll_until(lambda: run._machine.asks is not None and run._machine.asks.number == 2, SHORT_S)

    monkeypatch.setattr(script_run, "check_asked", slow)
    run.confirm(True, question=asked.question, event=asked.event_number)
    assert process.sent == [messages.ScriptAnswer("yes", 1)]


def test_a_thread_that_looked_at_runs_of_the_script_before_does_not_write_over_a_later_one(make) -> None:
    children = [RunStatus(run="scan", created_at=1.0)]
    looked, may_go_on = threading.Event(), threading.Event()

    class Child:
        def status(self) -> RunStatus:
            status = children[0]
            if not looked.is_set():
                looked.set()
                assert may_go_on.wait(LONG_S)
            return status

    run, _ = make(lambda: [Child()])
    step = threading.Thread(target=run.keep_record)
    step.start()
    assert looked.wait(LONG_S)
    children[0] = RunStatus(run="scan", created_at=1.0, state="ended", outcome="complete")
    closing = threading.Thread(target=run.keep_record)
    closing.start()
    closing.join(SHORT_S)  # it waits for the first
    may_go_on.set()
    step.join()
    closing.join()
    assert [child.outcome for child in kept(run).children] == ["complete"]
    run._children = list
    run.start()


def test_a_script_that_ends_while_a_run_of_it_is_about_to_start_waits_for_that(make) -> None:
    engine = RunEngine(
        RunStart(run="scan", plan={}),
        Schedule(Sequence(time_plan={"interval": 0, "loops": 3})),
        MemoryInstruments(SYSTEM_CLOCK),
        clock=SYSTEM_CLOCK,
        log=LOG,
        parent="night",
    )
    run, process = make(lambda: [engine])
    run.start()
    process.tells.put(messages.ScriptEnded())
    process.tells.put(None)
    assert poll_until(lambda: engine.status().state == "cancelling", LONG_S)
    assert not run.join(SHORT_S)
    engine.start()
    assert run.join(LONG_S)
    assert (run.status().outcome, engine.status().outcome) == ("complete", "cancelled")
    assert [child.outcome for child in kept(run).children] == ["cancelled"]


def test_what_others_do_to_a_service_before_the_run_is_made_is_heard() -> None:
    client, heard = FakeClient([]), []
    claims = ScriptClaims("night", lambda _: client, lambda _: None)
    claims.claim("magnet")
    early, later = (Interference(command=name, caller="a shell", forced=False) for name in ("halt", "move"))
    client.heard(early)
    claims.listen(lambda service, what: heard.append((service, what)))
    client.heard(later)
    assert heard == [("magnet", early), ("magnet", later)]
    claims.release()


def test_a_script_and_a_run_of_it_that_claim_a_service_at_once_do_not_refuse_one_another() -> None:
    taken: list[str] = []
    claiming, may_go_on = threading.Event(), threading.Event()

    def connect(_):
        claiming.set()
        assert may_go_on.wait(LONG_S)
        return FakeClient(taken)

    claims = ScriptClaims("night", connect, lambda _: None)
    script = threading.Thread(target=claims.claim, args=("stage",))
    script.start()
    assert claiming.wait(LONG_S)

    def open_run() -> None:
        with claims.use.claiming:
            if "stage" not in claims.use.held:
                taken.append("scan")

    scan = threading.Thread(target=open_run)
    scan.start()
    scan.join(SHORT_S)  # it waits for the script
    may_go_on.set()
    script.join()
    scan.join()
    assert taken == ["night"]


def test_a_run_of_the_script_that_has_not_claimed_yet_does_not_keep_a_service_from_the_script() -> None:
    class Going:
        has_ended = False

        def __init__(self, name: str, parent: str) -> None:
            self.name, self.parent = name, parent

        def status(self) -> RunStatus:
            return RunStatus(run=self.name, parent=self.parent, claims=("stage",))

    runs = RunTable()
    runs.add("scan", KnownRun(Going("scan", "night"), None))
    runs.check_free_beside(["stage"], "night")
    runs.add("other", KnownRun(Going("other", ""), None))
    with pytest.raises(ClaimedError, match="run 'other' uses stage"):
        runs.check_free_beside(["stage"], "night")
