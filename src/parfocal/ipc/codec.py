"""Messages to bytes and back. Pure; nothing is ever pickled.

::

    message <──> parts <──> bytes on the socket
         encode          frames         parts: the message, then one for each array in it, as raw memory
         Decoder         Incoming       bytes: as much of ZMTP 3.0 as a DEALER and a ROUTER need

So programs that use zmq can call services, too; https://rfc.zeromq.org/spec/23 describes the bytes:

::

    greeting   FF 00000000 00000001 7F | 03 00 | "NULL" and 16 zeros | 32 zeros      64 bytes, from both ends
    frame      flags: 1 more parts follow, 2 long, 4 command | size: 1 byte, 8 if long | body
    READY      the first frame of both ends, a command: 05 "READY", then name and value of each property
    message    the frames of its parts
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec
import numpy as np

from parfocal.core.errors import ProtocolError
from parfocal.ipc.convert import from_plain

Part = bytes | memoryview
Role = Literal["DEALER", "ROUTER"]
T = TypeVar("T")

_MORE, _LONG, _COMMAND = 1, 2, 4
_GREETING_SIZE = 64
_SCRATCH_SIZE = 65_536
_ARRAY = 1  # msgpack extension: (index of the part, dtype, shape)
_REFERENCE = msgspec.msgpack.Decoder(tuple[int, Any, tuple[int, ...]])  # such an extension
_FOREIGN = (msgspec.MsgspecError, TypeError, ValueError, IndexError, KeyError, OverflowError, RecursionError)


def encode(message: Any, *, by_value: bool = False) -> list[Part]:
    """Return the parts of `message`: one for itself, then one for each array in it.

    Parameters
    ----------
    message : any
        Plain values, structs, dataclasses, enums, paths and arrays.
    by_value : bool
        Copy the arrays, so that the parts are nobody else's memory. Otherwise they are views.

    Raises
    ------
    TypeError
        If something in it is no plain value, struct, dataclass, enum, path or array.

    Examples
    --------
    >>> parts = encode({"trace": np.zeros(1000)})
    >>> len(parts), len(parts[1])
    (2, 8000)
    """
    parts: list[Part] = [b""]

    def out_of_band(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return _array_reference(value, parts, by_value)
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, Path):
            return str(value)
        raise TypeError(f"a value of type {type(value).__name__} cannot travel between processes")

    parts[0] = msgspec.msgpack.encode(message, enc_hook=out_of_band)
    return parts


class Decoder(Generic[T]):
    """Bytes to messages of one type. Used by one thread at a time.

    Arrays are views of the parts they came in: nobody else's memory, and writable if the part is.

    Examples
    --------
    >>> Decoder(dict[str, Any]).decode(encode({"trace": np.arange(3.0)}))
    {'trace': array([0., 1., 2.])}
    """

    def __init__(self, of: Any) -> None:
        self._parts: Sequence[Any] = ()
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(
            of, ext_hook=self._array, dec_hook=from_plain
        )

    def decode(self, parts: Sequence[Any]) -> T:
        """Return the message in `parts`; raises `ProtocolError` for anything else."""
        self._parts = parts
        try:
            return self._decoder.decode(parts[0])
        except _FOREIGN as error:
            raise ProtocolError(f"no message of this protocol: {error}") from error
        finally:
            self._parts = ()

    def _array(self, code: int, data: memoryview) -> Any:
        if code != _ARRAY:
            raise ValueError(f"extension {code} is unknown")
        index, dtype, shape = _REFERENCE.decode(data)
        if not 1 <= index < len(self._parts):
            raise ValueError(f"array part {index} is missing")
        return np.ndarray(shape, _dtype(dtype), memoryview(self._parts[index]))


def _array_reference(array: Any, parts: list[Part], by_value: bool) -> msgspec.msgpack.Ext:
    if array.dtype.hasobject:
        raise TypeError("an array of Python objects cannot travel between processes")
    contiguous = np.array(array, order="C") if by_value else np.ascontiguousarray(array)
    flat: Any = contiguous.reshape(-1).view(np.uint8)
    parts.append(memoryview(flat))
    dtype = array.dtype.str if array.dtype.names is None else array.dtype.descr
    return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode((len(parts) - 1, dtype, array.shape)))


def _dtype(plain: Any) -> np.dtype[Any]:
    if isinstance(plain, list):
        plain = [_field(*column) for column in plain]
    dtype: np.dtype[Any] = np.dtype(plain)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    return dtype


def _field(name: str, plain: Any, *shape: list[int]) -> tuple[Any, ...]:
    nested = plain if isinstance(plain, str) else _dtype(plain)
    return (name, nested, *(tuple(part) for part in shape))


def _property(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + len(value).to_bytes(4, "big") + value


def opening(role: Role) -> bytes:
    """Return what either end sends first; its messages must wait until `Incoming.ready`."""
    greeting = b"\xff" + (1).to_bytes(8, "big") + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
    ready = b"\x05READY" + _property(b"Socket-Type", role.encode()) + _property(b"Identity", b"")
    return greeting + bytes((_COMMAND, len(ready))) + ready


def frames(parts: Sequence[Part]) -> list[Part]:
    r"""Return the buffers that carry a message of these parts; only short parts are copied.

    Examples
    --------
    >>> frames([b"name", b"image"])
    [b'\x01\x04name', b'\x00\x05image']
    """
    buffers: list[Part] = []
    for number, part in enumerate(parts, 1):
        flags, size = _MORE if number < len(parts) else 0, len(part)
        if size < 256:
            buffers.append(bytes((flags, size)) + part)
        else:
            buffers += [bytes((flags | _LONG,)) + size.to_bytes(8, "big"), part]
    return buffers


class Incoming:
    """Makes messages of the bytes that the other end sends, however they are cut.

    Small parts pass through one buffer; the bytes of a large one are received where they stay.

    Attributes
    ----------
    ready : bool
        Whether the other end has said that it takes messages.

    Examples
    --------
    >>> incoming = Incoming()
    >>> sent = opening("ROUTER") + b"".join(frames([b"reply"]))
    >>> incoming.room()[: len(sent)] = sent
    >>> [[bytes(part) for part in parts] for parts in incoming.take(len(sent))], incoming.ready
    ([[b'reply']], True)
    """

    def __init__(self) -> None:
        self.ready = False
        self._greeted = False
        self._parts: list[memoryview] = []
        self._scratch = memoryview(bytearray(_SCRATCH_SIZE))
        self._start = self._end = 0  # of what is not used yet in it
        self._body: memoryview | None = None  # of a large part
        self._flags = self._filled = 0

    def room(self) -> memoryview:
        """Return where to put the next bytes; any number up to its size."""
        return self._scratch[self._end :] if self._body is None else self._body[self._filled :]

    def take(self, count: int) -> list[list[memoryview]]:
        """Return the messages that are complete with the `count` bytes in `room`: lists of their parts.

        Raises
        ------
        ProtocolError
            If these are not the bytes of this protocol, or the other end refuses this one.
        """
        messages: list[list[memoryview]] = []
        if self._body is not None:
            self._filled += count
            if self._filled == len(self._body):
                body, self._body = self._body, None
                self._add(self._flags, body, messages)
            return messages
        self._end += count
        while self._start < self._end and self._take_next(messages):
            pass
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start:
            rest = bytes(self._scratch[self._start : self._end])
            self._scratch[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        return messages

    def _take_next(self, messages: list[list[memoryview]]) -> bool:
        """Take the greeting or a frame out of the scratch buffer; False if it is not complete."""
        found = self._scratch[self._start : self._end]
        if not self._greeted:
            return self._take_greeting(found)
        head = 9 if found[0] & _LONG else 2
        if len(found) < head:
            return False
        size = found[1] if head == 2 else int.from_bytes(found[1:head], "big")
        body = found[head : head + size]
        if len(body) == size:
            self._start += head + size
            self._add(found[0], memoryview(bytearray(body)), messages)
            return True
        if head + size > _SCRATCH_SIZE:
            self._flags, self._filled = found[0], len(body)
            self._body = _memory(size)
            self._body[: len(body)] = body
            self._start = self._end
        return False

    def _take_greeting(self, found: memoryview) -> bool:
        if len(found) < _GREETING_SIZE:
            return False
        if found[0] != 0xFF or found[10] < 3 or bytes(found[12:17]) != b"NULL\0":
            raise ProtocolError(f"no greeting of zmq's protocol 3: {bytes(found[:17]).hex(' ')}")
        self._greeted = True
        self._start += _GREETING_SIZE
        return True

    def _add(self, flags: int, body: memoryview, messages: list[list[memoryview]]) -> None:
        if flags & _COMMAND:
            name = bytes(body[1 : 1 + body[0]]) if body else b""
            if name == b"ERROR":
                raise ProtocolError(f"a refusal: {bytes(body[7:])!r}")
            self.ready = self.ready or name == b"READY"
            return
        self._parts.append(body)
        if not flags & _MORE:
            messages.append(self._parts)
            self._parts = []


def _memory(size: int) -> memoryview:
    try:
        return np.empty(size, np.uint8).data  # not zeroed: all of it is received
    except (MemoryError, ValueError, OverflowError) as error:
        raise ProtocolError(f"a part of {size} bytes has no room in memory") from error
