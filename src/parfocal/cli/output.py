"""Where output goes: tables for people, one JSON object as the last line for scripts."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from parfocal.core.errors import reason_of

_FILE_WIDTH = 240
"""Columns where nobody's window ends: in a file or a pipe."""
_REFUSED = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP)


def console(*, quiet: bool = False) -> Console:
    """Return where people read: stdout, or stderr if stdout belongs to a script. Brackets are text there."""
    shown = Console(stderr=quiet, highlight=False, markup=False)
    if not shown.is_terminal and "COLUMNS" not in os.environ:
        shown.width = _FILE_WIDTH
    return shown


def make_output_usable() -> None:
    """Let closed streams take nothing, and letters that a terminal lacks become question marks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before this program began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open to the end)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def lost_output(error: OSError) -> bool:
    """Return whether it was stdout that failed: a full disk, or a reader that is gone.

    Then nothing more is written there, so that the end of the program does not fail again.
    """
    lost = error.filename is None and error.errno in (errno.ENOSPC, errno.EPIPE, errno.EIO)
    if lost:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return lost


def refusal(error: OSError) -> str:
    """Return the line about a file that the system refuses; "" if it is no matter of disks or rights.

    Examples
    --------
    >>> refusal(OSError(errno.EROFS, "Read-only file system", "lab.toml"))
    'lab.toml: Read-only file system'
    >>> refusal(PermissionError("folder /tmp/parfocal-7 belongs to another user"))
    'folder /tmp/parfocal-7 belongs to another user'
    >>> refusal(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
    ''
    """
    if error.filename is not None and (isinstance(error, PermissionError) or error.errno in _REFUSED):
        return f"{error.filename}: {reason_of(error)}"
    return str(error) if isinstance(error, PermissionError) else ""


def print_json(value: Any, longest: int | None = None) -> None:
    """Print one object in one line, as `to_json`, and flush it."""
    sys.stdout.write(to_json(value, longest) + "\n")
    sys.stdout.flush()


def to_json(value: Any, longest: int | None = None) -> str:
    """Return a value as JSON in one line, NaN as null; arrays become lists, anything unknown its text.

    An array of more elements than `longest` is told by its type and shape.

    Examples
    --------
    >>> to_json({"z_rms_nm": float("nan"), "beads": 3})
    '{"z_rms_nm":null,"beads":3}'
    >>> to_json({"volts": np.zeros(3)}), to_json({"volts": np.zeros(3)}, longest=2)
    ('{"volts":[0.0,0.0,0.0]}', '{"volts":{"array":"float64","shape":[3]}}')
    """

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray) and longest is not None and value.size > longest:
            return {"array": str(value.dtype), "shape": value.shape}
        return _plain(value)

    return msgspec.json.encode(_stated(value), enc_hook=plain).decode()


def _stated(value: Any) -> Any:
    """Return a dataclass as its fields and properties: what is worked out from the fields belongs to it."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    properties = [name for name, item in vars(type(value)).items() if isinstance(item, property)]
    return {name: getattr(value, name) for name in (*(field.name for field in fields(value)), *properties)}


def _plain(value: Any) -> Any:
    if isinstance(value, complex):
        return {"real": value.real, "imag": value.imag}
    return value.tolist() if hasattr(value, "tolist") else str(value)
