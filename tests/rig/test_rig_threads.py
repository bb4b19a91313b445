"""A rig and a lab that several threads of a program use for the first time at once: there is one of each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ProcessError
from parfocal.rig import lab, rig
from parfocal.rig.lab import Lab
from parfocal.rig.rig import Rig
from parfocal.rig.runs import Runs
from parfocal.runs.scripts.script_gate import ScriptGate

LONG_S = 60.0
SHORT_S = 0.1
"""Long enough for a thread that does not wait, as it should, to do what it should not."""


class Opened:
    """Something that takes a while to be made, such as a client; says how many there are."""

    made = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        type(self).made += 1
        threading.Event().wait(SHORT_S)
        self.lost = ""

    def close(self) -> None: ...

    def lease(self, *_: Any, **__: Any) -> Opened:
        return type(self)()


@pytest.fixture
def opened() -> type[Opened]:
    return type("Opened", (Opened,), {})


@pytest.fixture
def connection(opened: type[Opened]) -> SimpleNamespace:
    return SimpleNamespace(
        name="bench", folder=Path(), services=lambda: ("laser", "runs"), client=opened, leave=lambda _: None
    )


def at_once(act: Callable[[], object]) -> list[object]:
    """Return what two threads get that do the same at once."""
    got: list[object] = []
    both = threading.Barrier(2)

    def work() -> None:
        both.wait(LONG_S)
        got.append(act())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    return got


def test_a_service_has_one_client_whichever_thread_asks_first(connection, opened) -> None:
    with Rig(connection) as bench:
        first, second = at_once(lambda: bench["laser"])
    assert first is second
    assert opened.made == 1, "the other one would be closed by nobody, and its leases end at any moment"


def test_a_rig_follows_its_runs_once(connection, opened, monkeypatch) -> None:
    monkeypatch.setattr(rig, "Runs", opened)
    with Rig(connection) as bench:
        first, second = at_once(lambda: bench.runs)
    assert first is second
    assert opened.made == 1


def test_the_light_is_leased_once(connection, opened) -> None:
    runs = Runs(connection, watch=lambda *_: SimpleNamespace(close=lambda: None))
    before = opened.made
    at_once(runs.keep_light)
    assert opened.made == before + 1


def test_a_script_has_one_hold_of_a_service_whichever_thread_asks_first(
    connection, opened, monkeypatch
) -> None:
    monkeypatch.setattr(lab, "LabService", opened)
    monkeypatch.setattr(lab, "_Children", lambda *_: None)
    monkeypatch.setattr(Lab, "services", ("laser",))
    script = Lab({"laser": None}, connection, "night", ScriptGate(SYSTEM_CLOCK, lambda _: None))
    first, second = at_once(lambda: script["laser"])
    assert first is second
    assert opened.made == 1


def test_a_rig_that_does_not_answer_can_be_named(connection: SimpleNamespace) -> None:
    def gone() -> tuple[str, ...]:
        raise ProcessError("rig 'bench' is gone")

    connection.services = gone
    with Rig(connection) as named:
        assert repr(named).startswith("<Rig 'bench' ")


def test_a_subscription_that_was_closed_is_kept_no_more(
    connection: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Subscribed:
        is_closed = False

        def __init__(self, *_: Any, **__: Any) -> None: ...

        def close(self) -> None:
            self.is_closed = True

    monkeypatch.setattr(rig, "Subscription", Subscribed)
    monkeypatch.setattr(Rig, "_wait_until_announced", lambda *_: None)
    with Rig(connection) as bench:
        for _ in range(3):
            bench.subscribe().close()
        last = bench.subscribe()
        assert bench._subscriptions == [last]
