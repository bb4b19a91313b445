import threading
from contextlib import closing

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, DeviceError, DeviceTimeoutError, UnconfirmedWriteError
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya

LED, ID, BUFFER = 0x40000030, 0x40000000, 0x40110000


@pytest.fixture
def hasty(device):
    link = TcpLink("127.0.0.1", device.port, timeout_s=0.8)
    link.read(ID, 1)
    yield link
    link.close()


def test_words_come_back(link):
    link.write(LED, np.array([0x55]))
    assert link.read(LED, 1).tolist() == [0x55]


def test_a_block_goes_over_borders_in_pieces(link, device):
    before = device.monitor.transactions
    assert len(link.read(0x4011FFF0, 8)) == 8
    assert device.monitor.transactions == before + 2


def test_others_get_the_bus_between_the_pieces_of_a_block(link):
    """While one thread fetches blocks without end, another's reads all get their turn."""
    stop = threading.Event()

    def fetch():
        while not stop.is_set():
            link.read(BUFFER, 16384)

    thread = threading.Thread(target=fetch)
    thread.start()
    try:
        assert all(link.read(ID, 1)[0] == 1 for _ in range(50))
    finally:
        stop.set()
        thread.join()


def test_threads_never_get_one_another_s_words(link):
    wrong = []

    def read(slot, constant):
        words = [link.read(0x40300000 + 0x10000 * slot + 0x200, 1)[0] for _ in range(300)]
        wrong.extend(word for word in words if word != constant)

    threads = [threading.Thread(target=read, args=pair) for pair in ((0, 12), (4, 64), (5, 11), (8, 0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("kind", ["drop", "lose", "wrong_echo", "half_frame", "refuse"])
def test_a_read_survives_one_fault(hasty, device, kind):
    device.inject_fault(kind)
    assert hasty.read(ID, 1).tolist() == [1]
    assert hasty.connections == 2


def test_an_answer_in_crumbs_is_an_answer(link, device):
    device.inject_fault("crumbs", count=2)
    link.write(0x40100008, np.array([0x1234]))
    assert link.read(0x40300200, 4).tolist() == [12, 32, 10, 24]
    assert link.connections == 1


def test_a_late_answer_is_never_taken_for_the_next_one(hasty, device):
    device.inject_fault("delay", delay_s=1.0)
    assert hasty.read(0x40300200, 1).tolist() == [12]
    assert hasty.read(ID, 1).tolist() == [1]


def test_a_read_fails_by_name_when_the_fault_stays(hasty, device):
    device.inject_fault("drop", count=-1)
    with pytest.raises(DeviceTimeoutError, match=f"tcp://127.0.0.1:{device.port}"):
        hasty.read(ID, 1)


@pytest.mark.parametrize("kind", ["drop", "lose", "wrong_echo", "half_frame", "refuse"])
def test_a_write_is_never_sent_twice(hasty, device, kind):
    device.inject_fault(kind, letter="w")
    before = device.monitor.transactions
    with pytest.raises(UnconfirmedWriteError, match="not sent again"):
        hasty.write(LED, np.array([3]))
    assert device.monitor.transactions == before + 1
    done = kind in ("drop", "wrong_echo", "half_frame")
    assert hasty.read(LED, 1).tolist() == [3 if done else 0]


def test_under_every_fault_nobody_gets_another_s_words(device):
    """Four threads read constants while the line misbehaves: what comes is right, or an error."""
    link = TcpLink("127.0.0.1", device.port, timeout_s=0.05)
    constants = {0x40300200: 12, 0x40340200: 64, 0x40350200: 11, 0x40350208: 32}
    counts = {"right": 0, "wrong": 0, "failed": 0}
    lock = threading.Lock()

    def read(address, constant):
        for _ in range(100):
            try:
                kind = "right" if link.read(address, 1)[0] == constant else "wrong"
            except DeviceError:
                kind = "failed"
            with lock:
                counts[kind] += 1

    for number, kind in enumerate(
        ["drop", "wrong_echo", "half_frame", "refuse", "lose", "crumbs", "delay"] * 3
    ):
        device.inject_fault(kind, after=10 + 3 * number, delay_s=0.08)
    threads = [threading.Thread(target=read, args=pair) for pair in constants.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    link.close()
    assert counts["wrong"] == 0
    assert counts["right"] > 300
    assert link.connections > 5


def test_a_dead_server_is_told_and_revived():
    with SimulatedRedPitaya() as device:
        port = device.port
        revived = []
        link = TcpLink("127.0.0.1", port, timeout_s=1.0, revive=lambda: revived.append(True))
        device.inject_fault("die")
        with pytest.raises(DeviceError, match="no monitor_server answers"):
            link.read(ID, 1)
        assert revived == [True]
    with SimulatedRedPitaya(port=port):
        assert link.read(ID, 1).tolist() == [1]
        link.close()


def test_nobody_there():
    with SimulatedRedPitaya() as device:
        port = device.port
    with pytest.raises(DeviceError, match=f"no monitor_server answers at tcp://127.0.0.1:{port}"):
        TcpLink("127.0.0.1", port)


def test_closing_breaks_off_and_is_idempotent(hasty, device):
    device.inject_fault("drop")
    failed = []

    def read():
        try:
            hasty.read(ID, 1)
        except DeviceError as error:
            failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    hasty.close()
    hasty.close()
    thread.join()
    assert len(failed) == 1
    with pytest.raises(DeviceError, match="closed"):
        hasty.read(ID, 1)


def test_a_reserved_link_is_cut_off_for_all_others_at_once(device):
    """Others' blocks end where they are: also what stands in the queue does nothing any more."""
    with closing(TcpLink("127.0.0.1", device.port)) as link:
        failed, writing = [], threading.Event()

        def write_on(k):
            try:
                while True:
                    link.write(LED, np.array([0xF0 + k]))
                    writing.set()
            except DeviceError as error:
                failed.append(str(error))

        threads = [threading.Thread(target=write_on, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        assert writing.wait(60)
        link.reserve()
        link.write(LED, np.array([1]))
        for thread in threads:
            thread.join()
        assert link.read(LED, 1).tolist() == [1]
        assert len(failed) == 4
        assert "kept for switching off" in failed[0]


def test_bad_addresses_never_reach_the_board(link, device):
    before = device.monitor.transactions
    with pytest.raises(BadInputError):
        link.read(ID, 0)
    with pytest.raises(BadInputError):
        link.write(0x10, np.array([1]))
    with pytest.raises(BadInputError):
        TcpLink("127.0.0.1", 0)
    assert device.monitor.transactions == before
