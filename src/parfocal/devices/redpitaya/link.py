"""The connection to the board's memory: reads and writes over TCP, one transaction at a time."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, DeviceError, DeviceTimeoutError, UnconfirmedWriteError
from parfocal.devices.redpitaya import wire
from parfocal.devices.redpitaya.fairlock import FairLock

if TYPE_CHECKING:
    from collections.abc import Callable


DEFAULT_PORT = 2222
PIECE_WORDS = 4096
"""Longest transaction of a block, in words: 16 KiB, 1.3 ms on a 100 Mbit/s line. Others get in between."""

_BACK_OFF_S = (0.0, 0.02, 0.1, 0.3)
_NOTHING = memoryview(b"")


class Link(Protocol):
    """Whole words of the FPGA's memory. Thread-safe; a block is no atomic thing."""

    def read(self, address: int, words: int) -> NDArray[np.uint32]:
        """Return `words` words from `address` on."""
        ...

    def write(self, address: int, values: NDArray[np.integer]) -> None:
        """Write `values` from `address` on; returns when they are written."""
        ...

    def close(self) -> None:
        """Let go. Idempotent."""
        ...


class TcpLink:
    """A client of monitor_server.

    The bus is held for one transaction, never for a block: of several threads each gets its turn in order.
    After anything unexpected (a timeout, an end, a wrong echo) the connection is given up, so that a late
    answer can never be taken for that to a later question; the next transaction connects anew. A read is
    then repeated. A write is not: nobody knows whether the board took it, and it may be a trigger.

    Parameters
    ----------
    host, port
        Where monitor_server listens.
    timeout_s : float
        Longest silence within a transaction.
    revive : callable, optional
        Starts monitor_server (see `parfocal.devices.redpitaya.ssh`). Called, from the thread that needs the
        bus, when nobody listens at first, and before each connection after the first: the server exits with
        its connection.

    Attributes
    ----------
    connections : int
        How often it has connected, the first time included.

    Raises
    ------
    DeviceError
        If nobody listens there.
    """

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        *,
        timeout_s: float = 1.0,
        revive: Callable[[], None] | None = None,
    ) -> None:
        if not 0 < port < 65536:
            raise BadInputError(f"port {port} of {host} is not in 1 to 65535")
        self.address = f"tcp://{host}:{port}"
        self._host, self._port, self._timeout_s, self._revive = host, port, timeout_s, revive
        self._bus = FairLock()
        self._closed = threading.Event()
        self.connections = 0
        self._reserved: set[int] = set()
        self._socket: socket.socket | None = None
        with self._bus:
            self._connect()

    def read(self, address: int, words: int) -> NDArray[np.uint32]:
        """Return `words` words from `address` on, as a new array; repeated after a broken connection.

        Raises
        ------
        DeviceError
            If the board cannot be reached.
        """
        out = np.empty(words, wire.WORD)
        for piece in wire.pieces(address, words, PIECE_WORDS):
            self._read_piece(piece, piece.part_of(out, address).data.cast("B"))
        return out.astype(np.uint32, copy=False)

    def write(self, address: int, values: NDArray[np.integer]) -> None:
        """Write `values`, each modulo 2**32, from `address` on; returns when the board has them.

        Raises
        ------
        UnconfirmedWriteError
            If the connection broke before the board confirmed. It was not sent again.
        DeviceError
            If the board cannot be reached; then nothing was sent.
        """
        values = np.atleast_1d(values)
        for piece in wire.pieces(address, len(values), PIECE_WORDS):
            self._write_piece(piece, wire.payload(piece.part_of(values, address)))

    def reserve(self) -> None:
        """Keep the board for the calling thread: from now on others' transactions fail.

        One that is under way is finished before the caller's next. Of several threads each is kept.
        """
        self._reserved.add(threading.get_ident())

    def close(self) -> None:
        """Shut the connection; a transaction under way fails. Idempotent, from any thread."""
        self._closed.set()
        self._drop()

    def _read_piece(self, piece: wire.Piece, out: memoryview) -> None:
        header = wire.header(wire.READ, piece.address, piece.words)
        with suppress(OSError):
            return self._transact(header, out=out)
        try:
            self._transact(header, out=out)
        except OSError as error:
            kind = DeviceTimeoutError if isinstance(error, TimeoutError) else DeviceError
            what = f"{piece.words} words at {piece.address:#x}"
            raise kind(f"{self.address} failed twice reading {what}: {error}") from error

    def _write_piece(self, piece: wire.Piece, body: bytes) -> None:
        header = wire.header(wire.WRITE, piece.address, piece.words)
        try:
            self._transact(header, body=body)
        except OSError as error:
            raise UnconfirmedWriteError(
                f"{self.address} did not confirm {piece.words} words written at {piece.address:#x} "
                f"({error}); the board may have them or not, they were not sent again"
            ) from error

    def _transact(self, header: bytes, *, body: bytes = b"", out: memoryview = _NOTHING) -> None:
        """Send a request, and receive its echo and what follows; give the connection up if that fails."""
        echo = bytearray(len(header))
        with self._bus:
            connection = self._connect()
            try:
                connection.sendall(header + body)
                _receive(connection, memoryview(echo))
                if echo != header:
                    raise ConnectionError(f"the answer began with {echo.hex()} instead of {header.hex()}")
                _receive(connection, out)
            except OSError:
                self._drop()
                raise

    def _connect(self) -> socket.socket:
        if self._closed.is_set():
            raise DeviceError(f"the link to {self.address} is closed")
        if self._reserved and threading.get_ident() not in self._reserved:
            raise DeviceError(f"the link to {self.address} is kept for switching off: its host is ending")
        if self._socket is not None:
            return self._socket
        revive, cause = self._revive, None
        for pause_s in _BACK_OFF_S:
            if SYSTEM_CLOCK.wait(self._closed, pause_s):
                break
            if revive is not None and (self.connections or cause):
                revive()
                revive = None
            try:
                self._socket = self._open()
            except OSError as error:
                cause = error
                continue
            self.connections += 1
            if self._closed.is_set():
                self._drop()
                break
            return self._socket
        raise DeviceError(
            f"no monitor_server answers at {self.address} ({cause}); is the board on, its server running, "
            "and no other program connected?"
        ) from cause

    def _open(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), self._timeout_s)
        connection.settimeout(self._timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _drop(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _receive(connection: socket.socket, out: memoryview) -> None:
    while out:
        got = connection.recv_into(out)
        if got == 0:
            raise ConnectionError("the board ended the connection")
        out = out[got:]
