from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from parfocal.ipc.call import Mux

IDS = st.integers(0, 30)


class AnyHistory(RuleBasedStateMachine):
    """Requests opened, answered (late, twice, never), expired and lost in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.mux: Mux[str] = Mux()
        self.waiting: dict[str, int] = {}
        self.opened = self.expired = self.settled = self.late = 0
        self.now_ns = 0

    @rule(deadline=st.none() | st.integers(1, 50))
    def open(self, deadline: int | None) -> None:
        self.opened += 1
        id = f"a-{self.opened}"
        deadline_ns = 0 if deadline is None else self.now_ns + deadline
        self.mux.open(id, f"item {id}", deadline_ns)
        self.waiting[id] = deadline_ns

    @rule(number=IDS)
    def answer(self, number: int) -> None:
        id = f"a-{number}"
        item = self.mux.settle(id)
        if id in self.waiting:
            assert item == f"item {id}"
            del self.waiting[id]
            self.settled += 1
        else:
            assert item is None
            self.late += 1

    @rule(step=st.integers(0, 60))
    def pass_time(self, step: int) -> None:
        self.now_ns += step
        due = [id for id, at in self.waiting.items() if at and at <= self.now_ns]
        assert sorted(self.mux.expire(self.now_ns)) == sorted(f"item {id}" for id in due)
        for id in due:
            del self.waiting[id]
        self.expired += len(due)

    @rule()
    def lose(self) -> None:
        assert self.mux.drain() == [f"item {id}" for id in self.waiting]
        self.settled += len(self.waiting)
        self.waiting.clear()

    @invariant()
    def everything_is_accounted_for(self) -> None:
        counts = self.mux.statistics()
        assert counts.opened == self.opened == counts.settled + counts.expired + counts.open
        assert (counts.settled, counts.expired, counts.late) == (self.settled, self.expired, self.late)
        assert counts.open == len(self.mux) == len(self.waiting)
        deadlines = [at for at in self.waiting.values() if at]
        assert self.mux.next_deadline_ns() == (min(deadlines) if deadlines else None)


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
