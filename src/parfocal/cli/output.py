"""Where output goes: tables for people, one JSON object as the last line for scripts."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console


def console(*, quiet: bool = False) -> Console:
    """Return where people read: stdout, or stderr if stdout belongs to a script."""
    return Console(stderr=quiet, highlight=False)


def print_json(value: Any) -> None:
    """Print one object in one line, NaN as null, and flush it."""
    sys.stdout.write(to_json(value) + "\n")
    sys.stdout.flush()


def to_json(value: Any) -> str:
    """Return a value as JSON in one line; arrays become lists, anything unknown its text.

    Examples
    --------
    >>> to_json({"z_rms_nm": float("nan"), "beads": 3})
    '{"z_rms_nm":null,"beads":3}'
    """
    return msgspec.json.encode(value, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
