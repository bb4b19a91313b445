"""What slow readers leave unread is bounded in bytes, and told."""

from __future__ import annotations

import queue
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import zmq

from parfocal.ipc import Client, CommandTable, Notice, Server, ServerStatistics, Subscription
from parfocal.ipc.connection import Listener
from parfocal.ipc.publisher import UNREAD_LARGE_BYTES
from parfocal.ipc.server import UNREAD_PROGRESS_BYTES

from .bench import LONG_S, Bench
from .conftest import Processes, stand_still
from .test_notices import first_notice

MB = 2**20


def settled(server: Server) -> ServerStatistics:
    """Return the counts once nothing is unread."""
    never = threading.Event()
    while (counts := server.statistics()).unread_bytes or counts.notices_unread_bytes:
        never.wait(0.01)
    return counts


def test_reports_to_a_stopped_client_are_bounded_counted_and_dropped(
    folder: Path, processes: Processes
) -> None:
    bench = Bench()
    with Server(CommandTable.of(bench), folder, "bench") as server, Client(folder, "bench") as client:
        stopped = processes.start("call", "report_large")
        assert stopped.stdout is not None
        id = stopped.stdout.readline().strip()
        assert bench.entered.acquire(timeout=LONG_S)
        stand_still(stopped)
        before = psutil.Process().memory_info().rss
        bench.gate.set()
        assert client.attach_call(id).result(LONG_S) == "reported"  # it was not held up
        counts = server.statistics()
        assert 0 < counts.unread_bytes <= UNREAD_PROGRESS_BYTES + MB
        assert 0 < counts.unread <= 20
        assert counts.undelivered > 200
        assert psutil.Process().memory_info().rss - before < 4 * UNREAD_PROGRESS_BYTES
        stopped.send_signal(signal.SIGCONT)
        settled(server)


def test_a_kept_result_does_not_change_with_the_buffer_of_its_service(
    client: Client, folder: Path, bench: Bench
) -> None:
    call = client.submit("look")
    assert call.result(LONG_S).tolist() == list(range(100))
    bench.buffer[:] = -1.0
    with Client(folder, "bench") as other:
        assert other.attach_call(call.id).result(LONG_S).tolist() == list(range(100))


@pytest.mark.parametrize("size", [1000, MB])
def test_what_a_client_leaves_unread_is_bounded_and_sent_when_it_reads(folder: Path, size: int) -> None:
    listener = Listener(str(folder / "listener.sock"))
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.set(zmq.RCVHWM, 1)
    dealer.connect(f"ipc://{folder}/listener.sock")
    dealer.send(b"hello")
    messages: list[tuple[bytes, list[Any]]] = []
    while not messages:
        messages, _ = listener.receive(listener.wait(None))
    ((client, _),) = messages
    most, taken = 8 * MB, 0
    part = memoryview(np.zeros(size, np.uint8))
    while listener.send(client, [b"head", part], most) == "sent":
        taken += 1
    held, held_bytes = listener.unread()
    assert most - 2 * MB < held_bytes <= most
    assert 0 < held <= taken
    gone: list[bytes] = []
    for _ in range(taken):
        while not dealer.poll(0):
            listener.receive(listener.wait(10))
        assert [len(part) for part in dealer.recv_multipart()] == [4, size]
    assert listener.unread() == (0, 0)
    assert listener.send(client, [b"head", part], most) == "sent"
    context.destroy(0)
    while not gone:
        _, gone = listener.receive(listener.wait(None))
    assert gone == [client]
    assert listener.send(client, [b"head"], most) == "gone"
    listener.close(0)


def test_large_notices_that_nobody_reads_are_bounded_dropped_and_counted(folder: Path) -> None:
    notices: queue.Queue[Notice] = queue.Queue()
    busy, go_on = threading.Event(), threading.Event()

    def stuck(notice: Notice) -> None:
        notices.put(notice)
        if notice.topic == "large":
            busy.set()
            go_on.wait(LONG_S)

    with (
        Server(CommandTable.of(Bench()), folder, "one") as server,
        Subscription(folder, ["one"], callback=stuck) as subscription,
    ):
        first_notice(server, notices, "state")
        large = np.zeros(4 * MB, np.uint8)
        server.publish("large", large)
        assert busy.wait(LONG_S)
        while not server.statistics().notices_dropped:
            server.publish("large", large)
        assert 0 < server.statistics().notices_unread_bytes <= UNREAD_LARGE_BYTES
        go_on.set()
        dropped = settled(server).notices_dropped
        server.publish("large", "small again")
        while not isinstance(notices.get(timeout=LONG_S).payload, str) or subscription.lost == 0:
            pass
        assert subscription.lost == dropped
