import random
import threading
from contextlib import suppress

import pytest

from parfocal.devices.redpitaya import fairlock
from parfocal.devices.redpitaya.fairlock import FairLock


def test_turns_are_given_in_the_order_of_asking():
    lock, order, threads = FairLock(), [], []
    with lock:
        for number in range(8):
            thread = threading.Thread(target=lambda number=number: _take(lock, order, number))
            thread.start()
            threads.append(thread)
            while lock.waiting <= number:
                pass
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_whoever_comes_back_at_once_does_not_overtake():
    lock, order = FairLock(), []
    with lock:
        thread = threading.Thread(target=lambda: _take(lock, order, "waiting"))
        thread.start()
        while not lock.waiting:
            pass
    _take(lock, order, "back again")
    thread.join()
    assert order == ["waiting", "back again"]


def test_whoever_gives_up_leaves_the_queue_to_the_next():
    lock, order = FairLock(), []

    def give_up():
        order.append("gave up")
        raise TimeoutError

    def impatient():
        with pytest.raises(TimeoutError), lock.taken(give_up):
            raise AssertionError("it was given the lock")

    with lock:
        first = threading.Thread(target=impatient)
        first.start()
        first.join()
        second = threading.Thread(target=lambda: _take(lock, order, "next"))
        second.start()
        while not lock.waiting:
            pass
    second.join()
    assert order == ["gave up", "next"]
    with lock.taken(lambda: None):
        assert lock.waiting == 0


def test_none_is_lost_among_many_who_give_up_at_the_same_instant(monkeypatch):
    monkeypatch.setattr(fairlock, "_LOOK_S", 0)
    lock, done = FairLock(), []

    def work(seed):
        chance = random.Random(seed)
        for _ in range(50):
            with suppress(TimeoutError), lock.taken(lambda: _give_up_at_times(chance)):
                done.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(done) == set(range(8))
    with lock.taken(lambda: None):
        assert lock.waiting == 0


def _give_up_at_times(chance):
    if chance.random() < 0.5:
        raise TimeoutError


def _take(lock, order, name):
    with lock:
        order.append(name)
