"""The one format that every benchmark prints: a table for people, a JSON line for machines."""

from __future__ import annotations

import json
import operator
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Row:
    """One measured number beside what was wanted and what a peer reached in the same run.

    ``wanted`` is written as "<= 100" or ">= 15000"; "" if nothing is asked of the number.
    """

    name: str
    value: float
    unit: str
    wanted: str = ""
    peer: str = ""
    peer_value: float | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the value is what was wanted; None if nothing was."""
        if not self.wanted:
            return None
        sign, limit = self.wanted.split()
        return _COMPARE[sign](self.value, float(limit))

    @property
    def ratio(self) -> float | None:
        """The value over the peer's."""
        return self.value / self.peer_value if self.peer_value else None

    def plain(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return asdict(self) | {"ok": self.ok, "ratio": self.ratio}


def conditions() -> str:
    """Name the machine and the interpreter, in a line."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{machine}, Python {platform.python_version()}"


def report(rows: Sequence[Row], argv: Sequence[str] | None = None) -> None:
    """Print `rows`: one JSON object as the last line with ``--json``, else a table."""
    if "--json" in (sys.argv[1:] if argv is None else argv):
        print(json.dumps({"rows": [row.plain() for row in rows]}), flush=True)
        return
    print(conditions())
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        verdict = {True: "ok", False: "MISSED", None: ""}[row.ok]
        peer = f"{row.peer} {row.peer_value:.4g} (ratio {row.ratio:.3g})" if row.peer_value else ""
        wanted = f"wanted {row.wanted}" if row.wanted else ""
        number = f"{row.value:>10.4g} {row.unit:<6}"
        print(f"{row.name:<{width}}  {number}  {wanted:<16}  {verdict:<6}  {peer}".rstrip())
