"""The simulated monitor_server: the protocol of `parfocal.devices.redpitaya.wire`, from the board's side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.devices.redpitaya import wire
from parfocal.devices.redpitaya.simulated.faults import Fault, FaultPlan
from parfocal.devices.redpitaya.simulated.tcp import TcpServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from parfocal.devices.redpitaya.link import Link


class MonitorServer(TcpServer):
    """Serves a board's memory byte for byte as the C program does.

    One connection at a time; a header with length 0 is passed over whatever its letter is; an unknown
    letter ends the connection.

    Parameters
    ----------
    board : Link
        Whose memory.
    host, port
        Where to listen; port 0 takes a free one.
    latency_s : float
        What each transaction takes on top.
    exits : bool
        End with the first connection, as the C program does. By default it waits for the next one.
    """

    def __init__(
        self,
        board: Link,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency_s: float = 0.0,
        exits: bool = False,
    ) -> None:
        super().__init__(host, port, at_once=False, single=exits)
        self._board = board
        self._latency_s = latency_s
        self.faults = FaultPlan()
        self.transactions = 0

    def converse(self, connection: socket.socket) -> None:
        """Answer one transaction after another, unless a fault is due."""
        if self.faults.take("c"):
            return
        with connection.makefile("rb") as requests:
            while len(head := requests.read(wire.HEADER.size)) == wire.HEADER.size:
                letter, words, address = wire.HEADER.unpack(head)
                if words == 0:
                    continue
                if letter not in (wire.READ, wire.WRITE):
                    return
                length = 4 * words if letter == wire.WRITE else 0
                if len(body := requests.read(length)) < length:
                    return
                self.transactions += 1
                fault = self.faults.take(letter.decode())
                if not self._answer(connection, fault, partial(self._perform, head, address, words, body)):
                    return

    def _answer(self, connection: socket.socket, fault: Fault | None, perform: Callable[[], bytes]) -> bool:
        """Do one transaction; return whether the connection lives on."""
        kind = fault.kind if fault else ""
        if kind == "refuse":
            return False
        if kind == "die":
            self.end()
            return False
        if kind == "lose":
            return True
        reply = perform()
        delay_s = self._latency_s + (fault.delay_s if fault and kind == "delay" else 0.0)
        if delay_s > 0 and SYSTEM_CLOCK.wait(self.ended, delay_s):
            return False
        if kind == "drop":
            return True
        if kind == "wrong_echo":
            reply = bytes([reply[0], reply[1] ^ 0xFF]) + reply[2:]
        if kind == "half_frame":
            reply = reply[: len(reply) // 2]
        for part in (reply[i : i + 1] for i in range(len(reply))) if kind == "crumbs" else [reply]:
            connection.sendall(part)
        return True

    def _perform(self, head: bytes, address: int, words: int, body: bytes) -> bytes:
        if body:
            self._board.write(address, np.frombuffer(body, wire.WORD))
            return head
        return head + self._board.read(address, words).astype(wire.WORD).tobytes()
