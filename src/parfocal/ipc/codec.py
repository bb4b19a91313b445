"""Messages to bytes and back. Arrays travel beside the message as raw memory; nothing is ever pickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from parfocal.core.errors import ProtocolError
from parfocal.ipc.convert import from_plain

Part = bytes | memoryview
T = TypeVar("T")

_ARRAY = 1  # msgpack extension: (index of the part, dtype, shape)
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
        index, dtype, shape = msgspec.msgpack.decode(data, type=tuple[int, Any, tuple[int, ...]])
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
