"""Waits for zmq sockets that several threads share, by descriptor: zmq's poll would use the sockets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import zmq

_READABLE = int(zmq.POLLIN)  # plain numbers: arithmetic with zmq's enums takes longer than asking the socket
_NOW = int(zmq.NOBLOCK)
_NOW_AND_MORE = _NOW | int(zmq.SNDMORE)


def descriptor(socket: zmq.Socket[Any]) -> int:
    """Return what becomes readable when there may be news; ask `has_arrived` before and after waiting."""
    number: int = socket.getsockopt(zmq.FD)  # type: ignore[assignment]
    return number


def has_arrived(socket: zmq.Socket[Any]) -> bool:
    """Whether a message can be received. Takes the signal on the descriptor: only under the socket's lock."""
    events: int = socket.getsockopt(zmq.EVENTS)  # type: ignore[assignment]
    return bool(events & _READABLE)


def send(socket: zmq.Socket[bytes], parts: Sequence[Any]) -> None:
    """Hand over a message, a copy; raises `zmq.ZMQError` if nobody is there to take it, or too many wait."""
    last = len(parts) - 1
    for part in parts[:last]:
        socket.send(part, _NOW_AND_MORE)
    socket.send(parts[last], _NOW)


def receive(socket: zmq.Socket[bytes]) -> list[Any]:
    """Return the parts of the message that has arrived, not copied: frames."""
    parts = [socket.recv(_NOW, copy=False)]
    while parts[-1].more:
        parts.append(socket.recv(_NOW, copy=False))
    return parts


def wait_readable(descriptors: Sequence[int], timeout_ms: int = -1) -> dict[int, int]:
    """Block until one of `descriptors` is readable; return those that are, as keys."""
    ready: Any = zmq.zmq_poll([(number, _READABLE) for number in descriptors], timeout_ms)
    return dict(ready)
