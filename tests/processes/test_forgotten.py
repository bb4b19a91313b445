"""What nobody closed: named when it is collected, or when the program ends."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from parfocal.core.reminder import Reminder, still_open
from parfocal.processes import directory
from parfocal.rig.rig import Rig

from .conftest import PATIENCE_S

HOW = "use it in a with block, or call its"

PROGRAM = """
from parfocal.ipc import Client, CommandTable, Server, Subscription
from parfocal.processes import Supervisor, ServiceSpec, directory
supervisor = Supervisor("bench", [ServiceSpec(name="a", factory="parfocal.testing.services:Counter")])
supervisor.start()
client = supervisor.client("a")
client.ping(30)
subscription = Subscription(supervisor.folder, ["a"], callback=print)
server = Server(CommandTable.of(object()), supervisor.folder, "bell")
server.start()
"""


def test_what_is_open_when_the_program_ends_is_named_and_the_rig_ended() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", PROGRAM],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = [line.partition("ResourceWarning: ")[2] for line in ended.stderr.splitlines()]
    assert sorted(line for line in told if "was not closed" in line) == [
        f"the client of service 'a' was not closed: {HOW} close()",
        f"the server of service 'bell' was not closed: {HOW} close()",
        f"the subscription to notices of a was not closed: {HOW} close()",
        f"the supervisor of rig 'bench' was not closed: {HOW} stop()",
    ]
    assert directory.rigs() == ()


def forget(held: list[object]) -> None:
    """Let go of what is held, and wait until no client is left: a thread may just be using it."""
    held.clear()
    end = time.monotonic() + PATIENCE_S
    while gc.collect() >= 0 and any("client" in name for name in still_open()) and time.monotonic() < end:
        time.sleep(0.02)


def test_a_forgotten_client_is_named_and_closed(make_rig, spec) -> None:
    rig, _ = make_rig(spec())
    with rig:
        client = rig.client("a")
        client.submit("double", 2).result(PATIENCE_S)
        held: list[object] = [client]
        del client
        with pytest.warns(ResourceWarning, match="the client of service 'a' was not closed: use it in"):
            forget(held)


def test_a_client_whose_call_is_held_is_not_forgotten(make_rig, spec) -> None:
    rig, _ = make_rig(spec())
    with rig:
        held: list[object] = [rig.client("a").submit("double", 2)]
        gc.collect()
        assert held[0].result(PATIENCE_S) == 4
        with pytest.warns(ResourceWarning, match="the client of service 'a'"):
            forget(held)


def test_a_forgotten_rig_is_named() -> None:
    held: list[object] = [Rig(SimpleNamespace(name="bench"))]
    with pytest.warns(ResourceWarning, match="rig 'bench' was not closed: use it in a with block, or call"):
        forget(held)


class Door:
    """Can be referred to weakly."""


def test_who_was_reminded_once_is_not_reminded_again() -> None:
    door = Door()
    reminder = Reminder(door, "the door")
    with pytest.warns(ResourceWarning, match="the door was not closed"):
        reminder.warn()
    del door
    gc.collect()
    assert still_open() == ()
