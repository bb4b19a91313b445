import threading

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


def _take(lock, order, name):
    with lock:
        order.append(name)
