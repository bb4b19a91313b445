from __future__ import annotations

import pytest

from parfocal.core.errors import ServiceUnavailableError
from parfocal.ipc import CommandTable
from parfocal.ipc.calls import KEPT_BYTES, KEPT_CALLS, KEPT_NS, LANE_BYTES, LANE_CALLS, ActiveCall, CallTable

from .bench import Bench

COMMAND = CommandTable.of(Bench)["echo"]


def admit(table: CallTable, id: str, size: int = 0) -> ActiveCall:
    call = ActiveCall(id, COMMAND, {}, "main", [], 0, size=size)
    table.admit(call)
    return call


def finish(table: CallTable, id: str, reply: bytes = b"x", now_ns: int = 0) -> ActiveCall:
    call = admit(table, id)
    assert table.begin(call, now_ns)
    assert table.running_in("main") is call
    assert table.finish(call, [reply], now_ns)
    return call


def test_a_call_begins_and_ends_once() -> None:
    table = CallTable()
    call = finish(table, "a-1")
    assert not table.begin(call, 0)
    assert not table.finish(call, [b"y"], 0)
    assert len(table) == 0
    assert table.running_in("main") is None
    assert table.reply_of("a-1") == [b"x"]


def test_results_are_kept_within_bounds() -> None:
    table = CallTable()
    for number in range(KEPT_CALLS + 10):
        finish(table, f"a-{number}")
    assert table.kept == (KEPT_CALLS, KEPT_CALLS)
    assert table.reply_of("a-9") is None
    assert table.reply_of("a-10") is not None
    finish(table, "big", bytes(KEPT_BYTES + 1))
    assert table.kept == (1, KEPT_BYTES + 1)
    finish(table, "young", now_ns=1)
    assert table.reply_of("big") is None
    finish(table, "later", now_ns=KEPT_NS + 2)
    assert table.reply_of("young") is None


def test_a_lane_is_bounded_in_calls() -> None:
    table = CallTable()
    calls = [admit(table, f"a-{number}") for number in range(LANE_CALLS)]
    with pytest.raises(ServiceUnavailableError, match="lane 'main' holds 10000 calls"):
        admit(table, "one more")
    table.finish(calls[0], [b"cancelled"], 0)
    with pytest.raises(ServiceUnavailableError):  # its job is still in the lane's queue
        admit(table, "one more")
    table.begin(calls[0], 0)
    admit(table, "one more")


def test_a_lane_is_bounded_in_bytes() -> None:
    table = CallTable()
    large = admit(table, "large", LANE_BYTES + 1)  # alone, whatever its size
    with pytest.raises(ServiceUnavailableError, match="of 256 MiB"):
        admit(table, "small", 1)
    assert table.queued == (1, LANE_BYTES + 1)
    table.finish(large, [b"cancelled"], 0)  # what it was to be run with is let go of
    admit(table, "small", 1)
