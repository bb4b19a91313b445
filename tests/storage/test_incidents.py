"""What a record says of a service that ended, however often its state was looked at meanwhile."""

import itertools
from types import SimpleNamespace

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.storage.incidents import ServiceWatch, given_up, report
from parfocal.storage.moment import Moment

LIFE = [("ready", 7), ("crashed", 0), ("starting", 9), ("ready", 9)]


class Watch(ServiceWatch):
    """Sees what it is shown."""

    shown = LIFE[0]

    def _records(self):
        state, pid = self.shown
        yield "camera", SimpleNamespace(state=state, pid=pid, restarts=1, exit_code=-9, error="killed")


@pytest.mark.parametrize("seen", [*itertools.combinations(range(1, 3), 2), *[(n,) for n in (1, 2)], ()])
def test_a_service_that_came_back_is_not_given_up(seen):
    watch = Watch("no rig", "recorder", SYSTEM_CLOCK)
    start, incidents = Moment.now(SYSTEM_CLOCK), []
    for number in (*seen, 3):
        watch.shown = LIFE[number]
        incidents += watch.look()
    assert given_up(incidents) == ()
    (sentence,) = report(incidents, start)
    assert sentence.startswith("camera ended after ")
    assert sentence.endswith("(killed) and was started again")


@pytest.mark.parametrize("seen", [(), (1,)])
def test_a_service_that_was_replaced_while_nobody_watched_is_told_by_whoever_watches_next(seen):
    before, start = Watch("no rig", "recorder", SYSTEM_CLOCK), Moment.now(SYSTEM_CLOCK)
    incidents = []
    for number in seen:
        before.shown = LIFE[number]
        incidents += before.look()
    after = Watch("no rig", "recorder", SYSTEM_CLOCK, before.pids)
    after.shown = LIFE[3]
    incidents += after.look()
    (sentence,) = report(incidents, start)
    assert sentence.startswith("camera ended after ")
    assert sentence.endswith("(killed) and was started again")
    assert after.look() == ()
    assert after.pids == {"camera": 9}


@pytest.mark.parametrize(("number", "on_their_way"), [(0, ()), (1, ("camera",)), (2, ()), (3, ())])
def test_who_has_ended_is_on_its_way_until_it_is_seen_to_be_back(number, on_their_way):
    watch = Watch("no rig", "recorder", SYSTEM_CLOCK)
    watch.shown = LIFE[number]
    watch.look()
    assert watch.on_their_way == on_their_way
    watch.shown = LIFE[3]
    watch.look()
    assert watch.on_their_way == ()


def test_who_was_given_up_or_has_ended_in_order_is_not_on_its_way():
    watch = Watch("no rig", "recorder", SYSTEM_CLOCK)
    for state in ("crashed", "degraded", "crashed", "exited"):
        watch.shown = (state, 0)
        watch.look()
        assert watch.on_their_way == (("camera",) if state == "crashed" else ())


def test_a_service_that_is_still_starting_has_not_come_back():
    watch = Watch("no rig", "recorder", SYSTEM_CLOCK)
    incidents = []
    for number in (1, 2):
        watch.shown = LIFE[number]
        incidents += watch.look()
    assert given_up(incidents) == ("camera",)
