"""What becomes of a run's frames at the tracker: waited for while anything moves, then given up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from parfocal.core.errors import ServiceUnavailableError
from parfocal.runs.instruments.tracked import PATIENCE_S, TrackedFrames
from parfocal.testing.clock import ManualClock


class Counting:
    """A camera or a tracker that answers what stands in `answers`; an error there is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def submit(self, command: str, /, *, timeout_s: float | None = None) -> SimpleNamespace:
        self.asked.append(command)

        def result() -> Any:
            answer = self.answers[command]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return SimpleNamespace(result=result)


def counts(produced: int, tracked: int, **dropped: int) -> dict[str, Any]:
    return {"produced": produced, "tracked": tracked, "dropped": dropped}


@pytest.fixture
def tracker() -> Counting:
    rows = {"rows": 0, "usable": 0}
    return Counting(drain={}, counts=counts(10, 10), row_counts=rows, list_rois={"rois": [1, 2]})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tracked(tracker, clock) -> TrackedFrames:
    tracked = TrackedFrames(Counting(counts={"frames": 10, "lost": 0}), tracker, clock)
    tracked.begin()
    return tracked


def test_frames_from_before_belong_to_no_run(tracked, tracker):
    assert tracker.asked[0] == "drain"
    assert tracked.behind() == 0
    tracker.answers["counts"] = counts(15, 12, overrun=1)
    assert tracked.behind() == 2
    assert tracked.ledger() == (5, 2, {"overrun": 1}, 0, 0)


def test_frames_that_nothing_moves_any_more_are_given_up(tracked, tracker, clock):
    tracker.answers["counts"] = counts(15, 12)
    assert tracked.behind() == 3
    clock.advance(PATIENCE_S - 1)
    tracker.answers["counts"] = counts(15, 13)
    assert tracked.behind() == 2
    clock.advance(PATIENCE_S - 1)
    assert tracked.behind() == 2
    clock.advance(2)
    assert tracked.behind() == 0
    assert tracked.ledger().closed().unfinished == {"unfinished": 2}


def test_a_tracker_that_is_started_again_is_waited_for(tracked, tracker):
    tracker.answers["counts"] = counts(15, 12)
    assert tracked.behind() == 3
    tracker.answers["counts"] = ServiceUnavailableError("away")
    assert tracked.behind() == 3


def test_a_tracker_that_cannot_be_asked_has_not_tracked_everything(tracked, tracker, clock):
    tracker.answers["counts"] = ServiceUnavailableError("away")
    assert tracked.behind() == 1
    tracker.answers["counts"] = counts(15, 15)
    assert tracked.behind() == 0
    assert tracked.ledger().tracked == 5


def test_rows_that_all_carry_flags_are_of_no_use(tracked, tracker):
    tracker.answers["counts"] = counts(15, 15)
    tracker.answers["row_counts"] = {"rows": 10, "usable": 0}
    tracked.behind()
    assert tracked.uselessness() == "not one of 10 rows is usable: all carry flags"
    tracker.answers["list_rois"] = {"rois": []}
    assert tracked.uselessness() == "there was no bead to track"
