from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.ipc import CommandTable, Event, Server, Subscription

from .bench import LONG_S, Bench


def serve(folder: Path, name: str) -> Server:
    return Server(CommandTable.of(Bench()), folder, name)


def first_event(server: Server, events: queue.Queue[Event], topic: str) -> Event:
    """Publish until the subscription is connected, and something arrives."""
    while True:
        server.publish(topic, "hello?")
        try:
            event = events.get(timeout=0.05)
        except queue.Empty:
            continue
        while not events.empty():
            event = events.get()
        return event


def test_events_arrive_in_order_with_their_payload(folder: Path) -> None:
    events: queue.Queue[Event] = queue.Queue()
    with serve(folder, "one") as one, Subscription(folder, ["one"], ("settings",), callback=events.put):
        last = first_event(one, events, "settings").sequence
        one.publish("noise", "not asked for")
        one.publish("settings", {"exposure_ms": 2.0, "roi": np.arange(3)})
        event = events.get(timeout=LONG_S)
        while event.payload == "hello?":
            last, event = event.sequence, events.get(timeout=LONG_S)
        assert (event.service, event.topic, event.sequence) == ("one", "settings", last + 1)
        assert event.payload["exposure_ms"] == 2.0
        assert event.payload["roi"].tolist() == [0, 1, 2]


def test_services_come_and_go(folder: Path) -> None:
    events: queue.Queue[Event] = queue.Queue()
    with Subscription(folder, [], callback=events.put) as subscription:
        subscription.add("one")
        subscription.add("two")
        for name in ("one", "two", "one"):
            with serve(folder, name) as server:
                assert first_event(server, events, "state").service == name


def test_gaps_are_counted(folder: Path) -> None:
    events: queue.Queue[Event] = queue.Queue()
    with serve(folder, "one") as one, Subscription(folder, ["one"], callback=events.put) as subscription:
        first_event(one, events, "state")
        one._publisher._sequence["state"] += 3  # as if three had been lost on the way
        one.publish("state", "end")
        while events.get(timeout=LONG_S).payload != "end":
            pass
        assert subscription.lost == 3


def test_a_failing_callback_is_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    events: queue.Queue[Event] = queue.Queue()

    def fail(event: Event) -> Any:
        events.put(event)
        raise RuntimeError("no")

    with serve(folder, "one") as one, Subscription(folder, ["one"], callback=fail):
        first_event(one, events, "state")
        first_event(one, events, "state")
    assert "the callback for event state of one failed" in caplog.text


def test_what_cannot_travel_is_refused_and_not_counted(folder: Path) -> None:
    with serve(folder, "one") as one:
        with pytest.raises(TypeError, match="cannot travel"):
            one.publish("state", object())
        assert one._publisher._sequence["state"] == 0
