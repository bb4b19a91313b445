from __future__ import annotations

from parfocal.ipc import CallContext, CommandTable
from parfocal.ipc.roster import KEPT_BYTES, KEPT_CALLS, KEPT_NS, ActiveCall, Roster

from .bench import Bench

COMMAND = CommandTable.of(Bench)["echo"]


def finish(roster: Roster, id: str, reply: bytes = b"x", now_ns: int = 0) -> ActiveCall:
    call = ActiveCall(CallContext(id), COMMAND, {}, "main", [], 0)
    roster.admit(call)
    assert roster.begin(call)
    roster.finish(call, [reply], now_ns)
    return call


def test_a_call_begins_and_ends_once() -> None:
    roster = Roster()
    call = finish(roster, "a-1")
    assert not roster.begin(call)
    assert len(roster) == 0
    assert roster.reply_of("a-1") == [b"x"]


def test_results_are_kept_within_bounds() -> None:
    roster = Roster()
    for number in range(KEPT_CALLS + 10):
        finish(roster, f"a-{number}")
    assert roster.kept == KEPT_CALLS
    assert roster.reply_of("a-9") is None
    assert roster.reply_of("a-10") is not None
    finish(roster, "big", bytes(KEPT_BYTES + 1))
    assert roster.kept == 1
    finish(roster, "young", now_ns=1)
    assert roster.reply_of("big") is None
    finish(roster, "later", now_ns=KEPT_NS + 2)
    assert roster.reply_of("young") is None
