"""Pixels in a file as they lie there, read straight into the frame.

Nothing is mapped: a mapped file that somebody else cuts kills whoever looks at it (SIGBUS), where a read that
comes short is an error with a name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from parfocal.core.errors import MovieError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def native(dtype: Any, where: Path) -> np.dtype[Any]:
    """Return a pixel type in the byte order of this machine; refuse what is no grey image.

    Raises
    ------
    MovieError
        For complex numbers, structures, text and the like.
    """
    found: np.dtype[Any] = np.dtype(dtype)
    if found.kind == "b":
        return np.dtype(np.uint8)
    if found.kind not in "uif":
        raise MovieError(f"{where}: pixels of type {found} are no grey levels")
    return found.newbyteorder("=")


def read_raw(file: BinaryIO, offset: int, dtype: np.dtype[Any], out: NDArray[Any]) -> None:
    """Fill a contiguous `out` from raw pixels in a file.

    Parameters
    ----------
    file : binary file
        Open for reading, unbuffered or not: its own position is not used.
    offset : int
        Of the first byte.
    dtype : numpy dtype
        As the pixels lie in the file: the type of `out`, in any byte order.

    Raises
    ------
    MovieError
        If the file ends before the image does.
    """
    if not out.flags.c_contiguous:
        whole = np.empty(out.shape, out.dtype)
        read_raw(file, offset, dtype, whole)
        np.copyto(out, whole)
        return
    view = out.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(view):
        got = _read_at(file, offset + done, view[done:])
        if not got:
            raise MovieError(f"the file ends {len(view) - done} bytes before the image does; was it cut?")
        done += got
    if not dtype.isnative:
        out.byteswap(inplace=True)


def _read_at(file: BinaryIO, offset: int, out: memoryview) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(file.fileno(), [out], offset)
    file.seek(offset)  # Windows and macOS before 11
    data = file.read(len(out))
    out[: len(data)] = data
    return len(data)
