"""The simulated SCPI server: many clients, one command at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import ParfocalError
from parfocal.devices.redpitaya.board import Board
from parfocal.devices.redpitaya.simulated.scpi import acquisition, generation, pins
from parfocal.devices.redpitaya.simulated.scpi.language import compiled, parse
from parfocal.devices.redpitaya.simulated.tcp import TcpServer

if TYPE_CHECKING:
    import re
    import socket
    from collections.abc import Callable

    from parfocal.devices.redpitaya.link import Link

_IDENTITY = "REDPITAYA,INSTR2023,0,01-02"
_NAME = "STEMlab 125-14 v1.0"
_UNDEFINED = '-113,"Undefined header"'
_NO_ERROR = '0,"No error"'
_END = b"\r\n"
_REMEMBERED_ERRORS = 17


class ScpiServer(TcpServer):
    """Answers the core of the official command set.

    One lock is around each command of each client, as in the official server. A command that does not exist,
    or fails, gets no answer; `SYST:ERR?` tells.

    Parameters
    ----------
    board : Link
        On which board.
    host, port
        Where to listen; port 0 takes a free one.
    clock : Clock
        For the date.
    """

    def __init__(
        self, board: Link, *, host: str = "127.0.0.1", port: int = 0, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        super().__init__(host, port, at_once=True)
        self._clock = clock
        self._one_command = threading.Lock()
        self._errors: deque[str] = deque(maxlen=_REMEMBERED_ERRORS)
        registers = Board(board)
        generators = {output: generation.Generator(registers, output) for output in (1, 2)}
        table: dict[str, Callable[..., object]] = {
            **self._own_commands(),
            **acquisition.commands(acquisition.Acquisition(registers)),
            **generation.commands(generators),
            **pins.commands(registers),
        }
        self._patterns = list(table)
        self._table: list[tuple[re.Pattern[str], Callable[..., object]]] = [
            (compiled(pattern), function) for pattern, function in table.items()
        ]

    def answer(self, line: str) -> bytes | None:
        """Do one command; return its answer, without the end of the line, or None."""
        header, arguments = parse(line)
        with self._one_command:
            for pattern, function in self._table:
                if found := pattern.fullmatch(header):
                    return self._done(function, [*found.groups(), *arguments])
            self._errors.append(_UNDEFINED)
            return None

    def _done(self, function: Callable[..., object], arguments: list[str]) -> bytes | None:
        try:
            result = function(*arguments)
        except (ParfocalError, ValueError, KeyError, TypeError) as error:
            self._errors.append(f'-200,"Execution error;{error}"')
            return None
        if result is None or isinstance(result, bytes):
            return result
        if isinstance(result, bool):
            return b"ON" if result else b"OFF"
        return (f"{result:f}" if isinstance(result, float) else str(result)).encode()

    def converse(self, connection: socket.socket) -> None:
        """Answer line after line."""
        with connection.makefile("rb") as lines:
            for line in lines:
                text = line.decode("ascii", "replace").strip()
                answer = self.answer(text) if text and line.endswith(b"\n") else None
                if answer is not None:
                    connection.sendall(answer + _END)

    def _own_commands(self) -> dict[str, Callable[..., object]]:
        def now(form: str) -> str:
            return time.strftime(form, time.gmtime(self._clock.utc_ns() // 10**9))

        return {
            "*IDN?": lambda: _IDENTITY,
            "*RST": lambda: None,
            "*CLS": self._errors.clear,
            "SYSTem:BRD:Name?": lambda: _NAME,
            "SYSTem:BRD:ID?": lambda: 0,
            "SYSTem:TIME?": lambda: now("%H,%M,%S"),
            "SYSTem:DATE?": lambda: now("%Y,%m,%d"),
            "SYSTem:ERRor[:NEXT]?": lambda: self._errors.popleft() if self._errors else _NO_ERROR,
            "SYSTem:ERRor:COUNt?": lambda: len(self._errors),
            "SYSTem:Help?": lambda: ", ".join(self._patterns),
        }
