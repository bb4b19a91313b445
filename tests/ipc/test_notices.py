from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.ipc import CommandTable, Notice, Server, Subscription

from .bench import LONG_S, Bench


def serve(folder: Path, name: str) -> Server:
    return Server(CommandTable.of(Bench()), folder, name)


def first_notice(server: Server, notices: queue.Queue[Notice], topic: str) -> Notice:
    """Publish until the subscription is connected, and all of it has arrived; return the last."""
    for number in itertools.count():
        server.publish(topic, number)
        try:
            notice = notices.get(timeout=0.05)
        except queue.Empty:
            continue
        while notice.payload != number:
            notice = notices.get(timeout=LONG_S)
        return notice
    raise AssertionError


def test_notices_arrive_in_order_with_their_payload(folder: Path) -> None:
    notices: queue.Queue[Notice] = queue.Queue()
    with serve(folder, "one") as one, Subscription(folder, ["one"], ("settings",), callback=notices.put):
        last = first_notice(one, notices, "settings").sequence
        one.publish("noise", "not asked for")
        one.publish("settings", {"exposure_ms": 2.0, "roi": np.arange(3)})
        notice = notices.get(timeout=LONG_S)
        assert (notice.service, notice.topic, notice.sequence) == ("one", "settings", last + 1)
        assert notice.payload["exposure_ms"] == 2.0
        assert notice.payload["roi"].tolist() == [0, 1, 2]


def test_services_come_and_go(folder: Path) -> None:
    notices: queue.Queue[Notice] = queue.Queue()
    with Subscription(folder, [], callback=notices.put) as subscription:
        subscription.add("one")
        subscription.add("two")
        for name in ("one", "two", "one"):
            with serve(folder, name) as server:
                assert first_notice(server, notices, "state").service == name


def test_gaps_are_counted(folder: Path) -> None:
    notices: queue.Queue[Notice] = queue.Queue()
    with serve(folder, "one") as one, Subscription(folder, ["one"], callback=notices.put) as subscription:
        first_notice(one, notices, "state")
        one._publisher._sequence["state"] += 3  # as if three had been lost on the way
        one.publish("state", "end")
        while notices.get(timeout=LONG_S).payload != "end":
            pass
        assert subscription.lost == 3


def test_a_failing_callback_is_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    notices: queue.Queue[Notice] = queue.Queue()

    def fail(notice: Notice) -> Any:
        notices.put(notice)
        raise RuntimeError("no")

    with serve(folder, "one") as one, Subscription(folder, ["one"], callback=fail):
        first_notice(one, notices, "state")
        first_notice(one, notices, "state")
    assert "the callback for notice state of one failed" in caplog.text


def test_what_cannot_travel_is_refused_and_not_counted(folder: Path) -> None:
    with serve(folder, "one") as one:
        with pytest.raises(TypeError, match="cannot travel"):
            one.publish("state", object())
        assert one._publisher._sequence["state"] == 0


def test_notices_are_iterated_over_in_a_loop(folder: Path) -> None:
    async def hear(subscription: Subscription) -> list[Any]:
        heard: list[Any] = []
        async for notice in subscription:
            heard.append(notice.payload)
            if notice.payload == "end":
                subscription.close()
        return heard

    with serve(folder, "one") as one, Subscription(folder, ["one"]) as subscription:
        stop = threading.Event()

        def publish() -> None:
            while not stop.wait(0.01):
                one.publish("state", "begin")
                one.publish("state", "end")

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            heard = asyncio.run(hear(subscription))
        finally:
            stop.set()
            publisher.join()
    assert "end" in heard
    assert set(heard) <= {"begin", "end"}
