"""The dispatcher alone: any history of messages, ends of commands and time, without a socket or a thread."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from parfocal.core.messages import (
    Alive,
    Attach,
    Beat,
    Cancel,
    Command,
    Hello,
    Lease,
    LeaseLost,
    Release,
    Reply,
    ToClient,
)
from parfocal.ipc import CommandTable
from parfocal.ipc.calls import ActiveCall
from parfocal.ipc.codec import Decoder, encode
from parfocal.ipc.dispatcher import Action, Dispatcher, Interrupt, MakeSafe, Run, Send
from parfocal.ipc.lease_table import BEAT_NS

from .bench import Bench

SECOND_NS = 1_000_000_000
CLIENTS = (b"one", b"two")


def make(outputs: tuple[str, ...] | None = ("laser",)) -> Dispatcher:
    return Dispatcher(CommandTable.of(Bench()), Hello(service="bench", pid=1, version="x"), outputs)


def ask(dispatcher: Dispatcher, message: Any, client: bytes = b"one", now_ns: int = 0) -> list[Action]:
    return dispatcher.receive(client, dispatcher.read(encode(message)), now_ns)


def sent(actions: list[Action], to: bytes = b"one") -> list[Any]:
    decoder: Decoder[ToClient] = Decoder(ToClient)
    return [decoder.decode(act.parts) for act in actions if isinstance(act, Send) and act.client == to]


def started(dispatcher: Dispatcher, id: str, name: str = "hold", client: bytes = b"one") -> ActiveCall:
    (run,) = ask(dispatcher, Command(id, name), client)
    assert isinstance(run, Run)
    assert dispatcher.begin(run.call, 0) == (True, [])
    return run.call


def silence(dispatcher: Dispatcher) -> tuple[int, list[Action]]:
    """Let time pass until something else than a beat is due; return when, and what."""
    while True:
        now_ns = dispatcher.next_tick_ns()
        assert now_ns is not None
        actions = [action for action in dispatcher.tick(now_ns) if sent([action]) != [Beat({})]]
        if actions:
            return now_ns, actions


def test_who_waits_in_a_lane_is_told_what_holds_it() -> None:
    dispatcher = make()
    started(dispatcher, "a-1")
    (queued,) = ask(dispatcher, Command("a-2", "note", ["x"]), b"two")
    assert isinstance(queued, Run)
    beats = dispatcher.tick(3 * SECOND_NS)
    assert sent(beats, b"two") == [Beat({"a-2": "bench.hold, which has run for 3.0 s"})]
    assert sent(beats, b"one") == [Beat({})]


def test_nothing_is_looked_after_while_nothing_is_held() -> None:
    dispatcher = make()
    assert dispatcher.next_tick_ns() is None
    call = started(dispatcher, "a-1")
    assert dispatcher.next_tick_ns() is not None
    dispatcher.end(call, "done", [b"x"], 1)
    assert dispatcher.next_tick_ns() is None


def test_an_expired_call_does_not_run() -> None:
    dispatcher = make()
    (run,) = ask(dispatcher, Command("a-1", "hold", deadline_ns=5))
    assert isinstance(run, Run)
    runs, actions = dispatcher.begin(run.call, 5)
    (reply,) = sent(actions)
    assert not runs
    assert (reply.id, reply.error.kind) == ("a-1", "DeadlineError")


def test_a_result_without_room_is_told() -> None:
    dispatcher = make()
    call = started(dispatcher, "a-1")
    (send,) = dispatcher.end(call, "done", [bytes(3 * 2**20)], 1)
    assert isinstance(send, Send)
    (told,) = sent(dispatcher.undelivered(send))
    assert told.id == "a-1"
    assert "the result of 3.0 MiB was not sent" in told.error.message
    assert "attach_call('a-1')" in told.error.message
    assert dispatcher.statistics().undelivered == 1
    assert dispatcher.undelivered(Send(b"one", [b"progress"])) == []


def test_a_lease_is_lost_with_its_client() -> None:
    dispatcher = make()
    (reply,) = sent(ask(dispatcher, Lease("a-1", "laser", 2 * SECOND_NS)))
    assert reply == Reply("a-1")
    assert dispatcher.gone(b"two", 1) == []
    assert dispatcher.gone(b"one", 1) == [MakeSafe("laser", "its client is gone")]
    assert dispatcher.gone(b"one", 2) == []
    assert dispatcher.statistics().leases == 0


def test_a_lease_is_lost_in_silence_and_its_client_is_told() -> None:
    dispatcher = make()
    ask(dispatcher, Lease("a-1", "", 2 * SECOND_NS))
    now_ns = 0
    while now_ns < 5 * SECOND_NS:  # it answers each beat
        now_ns += BEAT_NS
        if Beat({}) in sent(dispatcher.tick(now_ns)):
            assert ask(dispatcher, Alive(), now_ns=now_ns) == []
    ended_ns, actions = silence(dispatcher)
    assert ended_ns == now_ns + 2 * SECOND_NS
    assert actions[0] == MakeSafe("", "its client was silent for 2.0 s")
    assert sent(actions) == [LeaseLost("", "its client was silent for 2.0 s")]


def test_who_leases_an_output_that_was_made_safe_is_told_and_what_calls_keep_goes_on() -> None:
    dispatcher = make()
    ask(dispatcher, Lease("a-1", "laser", SECOND_NS))
    ask(dispatcher, Lease("b-1", "", SECOND_NS), client=b"two")
    actions = dispatcher.made_safe("service 'camera' is lost")
    assert sent(actions, b"one") == [LeaseLost("laser", "service 'camera' is lost")]
    assert sent(actions, b"two") == [LeaseLost("", "service 'camera' is lost")]
    assert len(actions) == 2, "it is safe already"
    assert dispatcher.statistics().leases == 0
    assert dispatcher.made_safe("service 'camera' is lost") == []


def test_time_in_which_the_service_stood_still_does_not_count() -> None:
    dispatcher = make()
    ask(dispatcher, Lease("a-1", "laser", SECOND_NS))
    late_ns = 60 * SECOND_NS
    assert sent(dispatcher.tick(late_ns)) == [Beat({})]
    ask(dispatcher, Alive(), now_ns=late_ns)
    ended_ns, actions = silence(dispatcher)
    assert ended_ns == late_ns + SECOND_NS
    assert actions[0] == MakeSafe("laser", "its client was silent for 1.0 s")


def test_a_released_lease_is_over() -> None:
    dispatcher = make()
    for safe in (False, True):
        ask(dispatcher, Lease("a-1", "laser", SECOND_NS))
        actions = ask(dispatcher, Release("a-2", "laser", safe))
        assert sent(actions) == [Reply("a-2", True)]
        assert (MakeSafe("laser", "its lease was released") in actions) == safe
    assert sent(ask(dispatcher, Release("a-3", "laser", True))) == [Reply("a-3", False)]


def test_a_call_can_be_bound_to_a_client_that_must_not_be_silent() -> None:
    dispatcher = make()
    (run,) = ask(dispatcher, Command("a-1", "scan", lease_ns=SECOND_NS))
    assert isinstance(run, Run)
    assert dispatcher.begin(run.call, 0) == (True, [])
    started(dispatcher, "a-2", "record")
    ended_ns, actions = silence(dispatcher)
    assert (ended_ns, actions) == (SECOND_NS, [Interrupt(run.call, "its client was silent for 1.0 s")])
    assert sent(dispatcher.end(run.call, "CancelledError", [encode(Reply("a-1"))[0]], 1)) == [Reply("a-1")]
    (short,) = sent(ask(dispatcher, Command("a-3", "scan", lease_ns=1)))
    assert short.error.kind == "BadArgumentsError"
    assert dispatcher.statistics().leases == 0


def test_a_call_that_ends_is_bound_no_longer() -> None:
    dispatcher = make()
    (run,) = ask(dispatcher, Command("a-1", "scan", lease_ns=SECOND_NS))
    assert isinstance(run, Run)
    dispatcher.begin(run.call, 0)
    assert dispatcher.statistics().leases == 1
    dispatcher.end(run.call, "done", [b"x"], 1)
    assert dispatcher.next_tick_ns() is None


def test_leases_that_cannot_be_are_refused() -> None:
    for dispatcher, message, why in (
        (make(), Lease("a", "lasr", SECOND_NS), "did you mean 'laser'"),
        (make(), Lease("a", "laser", 1), "0.1 s or more"),
        (
            Dispatcher(CommandTable.of(Bench()), Hello(service="b", pid=1, version="x")),
            Lease("a", "", SECOND_NS),
            "no outputs",
        ),
    ):
        (reply,) = sent(ask(dispatcher, message))
        assert reply.error.kind == "BadArgumentsError"
        assert why in reply.error.message


class Histories(RuleBasedStateMachine):
    """Every call that was admitted is answered once to each client that waits for it and is there."""

    @initialize()
    def begin(self) -> None:
        self.dispatcher = make()
        self.now_ns = 1
        self.queued: list[ActiveCall] = []
        self.running: list[ActiveCall] = []
        self.waiting: dict[tuple[bytes, str], int] = {}  # who waits for which reply: how many came
        self.leased: set[tuple[bytes, str]] = set()
        self.closed = False
        self.number = 0

    def perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Run):
                self.queued.append(action.call)
            elif isinstance(action, Interrupt):
                assert action.call in self.running
            elif isinstance(action, Send) and action.reply_to:
                self.waiting[action.client, action.reply_to] += 1

    def new_id(self) -> str:
        self.number += 1
        return f"c-{self.number}"

    @rule(client=st.sampled_from(CLIENTS), name=st.sampled_from(["hold", "thread", "record", "no such"]))
    def command(self, client: bytes, name: str) -> None:
        id = self.new_id()
        self.waiting[client, id] = 0
        self.perform(ask(self.dispatcher, Command(id, name), client, self.now_ns))

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def lane_takes(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.queued))
        self.queued.remove(call)
        runs, actions = self.dispatcher.begin(call, self.now_ns)
        if runs:
            self.running.append(call)
        self.perform(actions)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.running))
        self.running.remove(call)
        self.perform(self.dispatcher.end(call, "done", [b"reply"], self.now_ns))

    @rule(client=st.sampled_from(CLIENTS), number=st.integers(1, 30))
    def cancel(self, client: bytes, number: int) -> None:
        id = self.new_id()
        self.waiting[client, id] = 0
        self.perform(ask(self.dispatcher, Cancel(id, f"c-{number}"), client, self.now_ns))

    @precondition(lambda self: self.running)
    @rule(client=st.sampled_from(CLIENTS), data=st.data())
    def attach(self, client: bytes, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.running))
        if (client, call.id) not in self.waiting:
            self.waiting[client, call.id] = 0
            self.perform(ask(self.dispatcher, Attach(call.id), client, self.now_ns))

    @rule(client=st.sampled_from(CLIENTS), output=st.sampled_from(["", "laser"]))
    def lease(self, client: bytes, output: str) -> None:
        id = self.new_id()
        self.waiting[client, id] = 0
        self.leased.add((client, output))
        self.perform(ask(self.dispatcher, Lease(id, output, SECOND_NS), client, self.now_ns))

    @rule(client=st.sampled_from(CLIENTS))
    def gone(self, client: bytes) -> None:
        for key in [key for key in self.waiting if key[0] == client]:
            del self.waiting[key]
        actions = self.dispatcher.gone(client, self.now_ns)
        assert not any(isinstance(action, Send) and action.client == client for action in actions)
        made_safe = sorted(action.output for action in actions if isinstance(action, MakeSafe))
        assert made_safe == sorted(output for holder, output in self.leased if holder == client)
        self.leased = {key for key in self.leased if key[0] != client}
        self.perform(actions)

    @rule(passed_ns=st.integers(1, SECOND_NS // 4))
    def time_passes(self, passed_ns: int) -> None:
        self.now_ns += passed_ns
        actions = self.dispatcher.tick(self.now_ns)
        made_safe = [action.output for action in actions if isinstance(action, MakeSafe)]
        told = {(c, m.output) for c in CLIENTS for m in sent(actions, c) if isinstance(m, LeaseLost)}
        assert sorted(output for _, output in told) == sorted(made_safe)
        assert told <= self.leased
        self.leased -= told

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self.closed = True
        self.perform(self.dispatcher.close(self.now_ns))

    @invariant()
    def counts_balance(self) -> None:
        if not hasattr(self, "dispatcher"):
            return
        counted = self.dispatcher.statistics()
        assert counted.running == len(self.running)
        assert counted.queued == sum(call.phase == "queued" for call in self.queued)
        assert counted.leases == len(self.leased)
        assert all(replies <= 1 for replies in self.waiting.values())

    def teardown(self) -> None:
        if not hasattr(self, "dispatcher"):
            return
        left, actions = self.dispatcher.abandon(self.now_ns)
        assert len(left) == len(self.running)
        self.perform(actions)
        assert all(replies == 1 for replies in self.waiting.values())


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase
