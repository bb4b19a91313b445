"""States change by compare-and-set: of many that try, one succeeds, and nothing is lost."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.core.states import StateMachine

RUN = {
    "pending": frozenset({"running", "cancelling"}),
    "running": frozenset({"paused", "cancelling", "done"}),
    "paused": frozenset({"running", "cancelling"}),
    "cancelling": frozenset({"cancelled"}),
    "cancelled": frozenset(),
    "done": frozenset(),
}


@given(st.lists(st.sampled_from(sorted(RUN)), max_size=30))
def test_it_only_ever_moves_along_the_table(wishes):
    machine = StateMachine("pending", RUN)
    for wish in wishes:
        before = machine.state
        moved = machine.advance(wish)
        assert moved == (wish in RUN[before])
        assert machine.state == (wish if moved else before)


def test_of_many_threads_one_makes_the_transition():
    machine = StateMachine("running", RUN)
    start = threading.Barrier(8)
    moved = []

    def cancel():
        start.wait()
        if machine.move("running", "cancelling"):
            moved.append(threading.get_ident())

    threads = [threading.Thread(target=cancel) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(moved) == 1


def test_a_cancel_is_not_lost_to_a_resume_that_checked_before_it():
    machine = StateMachine("paused", RUN)
    assert machine.advance("cancelling")
    assert not machine.move("paused", "running")
    assert machine.state == "cancelling"


def test_a_transition_that_is_not_in_the_table_is_an_error_wherever_it_stands():
    with pytest.raises(BadInputError, match="no transition from done to running"):
        StateMachine("pending", RUN).move("done", "running")


def test_a_table_must_be_closed():
    with pytest.raises(BadInputError, match="not in the table"):
        StateMachine("a", {"a": frozenset({"b"})})


def test_waiting_ends_with_the_state_or_the_time():
    machine = StateMachine("pending", RUN)
    assert not machine.wait_for("running", timeout_s=0.0)
    waiter = threading.Thread(target=machine.wait_for, args=("running",))
    waiter.start()
    machine.move("pending", "running")
    waiter.join(30)
    assert not waiter.is_alive()
