"""Threads that call send by themselves while the receiver thread sleeps, and nothing overtakes anything."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from parfocal.core.errors import CancelledError, CommandError, DeadlineError
from parfocal.ipc import Client, Server
from parfocal.ipc.receiver import Receiver

from .bench import LONG_S, Bench, bench_server
from .conftest import Processes

T = TypeVar("T")
LARGE = "x" * (8 << 20)
"""More than a socket takes at once."""


def in_a_thread(function: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result(LONG_S)


def test_a_thread_sends_by_itself_while_the_receiver_thread_sleeps(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.ping()
    posted: list[object] = []
    monkeypatch.setattr(Receiver, "_post", lambda _, job: posted.append(job))
    assert in_a_thread(lambda: client.call("add", 1, 2, timeout_s=LONG_S)) == 3
    assert posted == []


def test_calls_of_many_threads_are_answered_each_with_its_own(client: Client) -> None:
    def add(first: int) -> list[float]:
        return [client.call("add", first, number, timeout_s=LONG_S) for number in range(200)]

    with ThreadPoolExecutor(8) as threads:
        for first, sums in enumerate(threads.map(add, range(8))):
            assert sums == [first + number for number in range(200)]
    assert client.statistics().open == 0


def test_what_a_thread_asks_for_is_done_in_that_order_also_behind_what_a_socket_does_not_take_at_once(
    client: Client, bench: Bench
) -> None:
    def ask() -> list[float]:
        calls = [
            client.submit("add", number, note=LARGE if number % 5 == 2 else "", timeout_s=LONG_S)
            for number in range(20)
        ]
        return [call.result() for call in calls]

    client.ping()
    assert in_a_thread(ask) == [number + 1.0 for number in range(20)]
    assert [number for number, *_ in bench.log] == list(range(20))


def test_a_short_limit_is_kept_although_the_receiver_thread_sleeps_for_a_longer_one(
    client: Client, bench: Bench
) -> None:
    long = in_a_thread(lambda: client.submit("hold", timeout_s=LONG_S))
    assert bench.entered.acquire(timeout=LONG_S)
    short = in_a_thread(lambda: client.submit("hold", timeout_s=0.05))
    assert isinstance(short.exception(LONG_S / 2), DeadlineError)
    assert not long.done()
    bench.gate.set()
    long.result(LONG_S)


def test_a_service_that_was_started_again_is_found_by_a_thread(folder: Path, server: Server) -> None:
    with Client(folder, "bench") as client:
        in_a_thread(client.ping)
        server.close()
        with bench_server(Bench(), folder):
            assert in_a_thread(lambda: client.call("add", 1, timeout_s=LONG_S)) == 2


def test_a_call_that_a_thread_has_sent_fails_with_its_service(folder: Path, processes: Processes) -> None:
    service = processes.serve()
    with Client(folder, "bench", death=service.poll) as client:
        in_a_thread(client.ping)
        call = in_a_thread(lambda: client.submit("hold", timeout_s=LONG_S))
        service.kill()
        assert isinstance(call.exception(LONG_S), CommandError)


def test_threads_that_call_while_their_client_is_closed_are_all_told(folder: Path, server: Server) -> None:
    client = Client(folder, "bench")
    client.ping()

    def call_on() -> None:
        while True:
            client.call("add", 1, timeout_s=LONG_S)

    with ThreadPoolExecutor(4) as threads:
        callers = [threads.submit(call_on) for _ in range(4)]
        client.close()
        assert all(isinstance(caller.exception(LONG_S), CancelledError) for caller in callers)
