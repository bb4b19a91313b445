"""Odd values and odd errors harm one call: its lane, and the thread that hears everybody, go on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from parfocal.core.errors import BadArgumentsError, CommandFailedError
from parfocal.ipc import RECEIVER, Client, CommandTable, Server, command

LONG_S = 30


class Odd:
    def __init__(self) -> None:
        self.go_on = threading.Event()

    @command(lane="a")
    def half_character(self) -> None:
        raise ValueError("cannot read \udcff.tif")

    @command(lane="a")
    def path(self) -> str:
        return "\udcff.tif"

    @command(lane="a")
    def panic(self) -> None:
        raise asyncio.CancelledError

    @command(lane="a")
    def well(self) -> int:
        return 1

    @command()
    def byte(self, value: np.uint8) -> int:
        return int(value)

    @command(lane="{lane}")
    def hold(self, lane: Literal["p", "q", "r", "s", "t", "u", "v", "w"]) -> None:
        self.go_on.wait(LONG_S)


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[Odd, Server, Client]]:
    odd = Odd()
    with Server(CommandTable.of(odd), folder, "odd") as server, Client(folder, "odd") as client:
        yield odd, server, client
        odd.go_on.set()


@pytest.mark.parametrize("name", ["half_character", "path", "panic"])
def test_a_lane_outlives_what_its_commands_raise(served: tuple[Odd, Server, Client], name: str) -> None:
    _, _, client = served
    with pytest.raises(CommandFailedError):
        client.call(name, timeout_s=LONG_S)
    assert client.call("well", timeout_s=LONG_S) == 1


def test_a_number_that_does_not_fit_is_refused(served: tuple[Odd, Server, Client]) -> None:
    _, _, client = served
    with pytest.raises(BadArgumentsError, match=r"uint8.*300"):
        client.call("byte", 300, timeout_s=LONG_S)
    assert client.call("byte", 200, timeout_s=LONG_S) == 200


def test_closing_takes_its_grace_once_for_all_lanes(served: tuple[Odd, Server, Client]) -> None:
    _, server, client = served
    calls = [client.submit("hold", lane) for lane in "pqrstuvw"]
    client.ping(LONG_S)
    began = time.monotonic()
    server.close(1.0)
    assert time.monotonic() - began < 1.0 * len(calls)
    assert all(call.exception(timeout_s=LONG_S) is not None for call in calls)


def test_a_command_that_keeps_the_receiver_is_left_behind_when_the_server_closes(folder: Path) -> None:
    entered, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    class Wrong:
        @command(lane=RECEIVER)
        def wait(self) -> None:
            """Do what a command of the receiver must not."""
            entered.set()
            go_on.wait(LONG_S)
            ended.set()

    server = Server(CommandTable.of(Wrong()), folder, "odd")
    server.start()
    with Client(folder, "odd") as client:
        call = client.submit("wait")
        assert entered.wait(LONG_S)
        assert server.close(0.1) == ("odd.wait",)
        assert call.exception(timeout_s=LONG_S) is not None
    go_on.set()
    assert ended.wait(LONG_S)
