"""The one way in which every benchmark runs and the one format that it prints.

A benchmark is a few parts, each a function of the options that returns rows. Each part is run, whatever
becomes of the others; what cannot be measured is a row that says why.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}


class Failed(NamedTuple):
    """Stands where a number would, with the reason that there is none."""

    reason: str

    @classmethod
    def by(cls, error: BaseException) -> Failed:
        """Return the reason as one line."""
        return cls(" ".join(f"{type(error).__name__}: {error}".split()))


def attempt(work: Callable[..., T], *args: Any) -> T | Failed:
    """Call `work`, a peer's or what needs one; what it raises is a reason, also that it is not installed."""
    try:
        return work(*args)
    except Exception as error:  # noqa: BLE001  (whatever a peer raises)
        return Failed.by(error)


def following(*values: Any, by: Callable[..., T]) -> T | Failed:
    """Return ``by(*values)``, or the first of them that failed."""
    return next((value for value in values if isinstance(value, Failed)), None) or by(*values)


@dataclass(frozen=True)
class Row:
    """One measured number beside what was wanted and what a peer reached in the same run.

    ``wanted`` is written as "<= 100" or ">= 15000"; "" if nothing is asked of the number. `value` or
    `peer_value` is `Failed` where there is none.
    """

    name: str
    value: float | Failed
    unit: str
    wanted: str = ""
    peer: str = ""
    peer_value: float | Failed | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the value is what was wanted; None if nothing was, or if there is no value."""
        if not self.wanted or isinstance(self.value, Failed):
            return None
        sign, limit = self.wanted.split()
        return bool(_COMPARE[sign](self.value, float(limit)))

    @property
    def ratio(self) -> float | None:
        """The value over the peer's; None if there is none."""
        if isinstance(self.value, Failed) or isinstance(self.peer_value, Failed) or not self.peer_value:
            return None
        return float(self.value / self.peer_value)

    @property
    def failed(self) -> str:
        """Why the value or the peer's is not there; "" if both are."""
        for one in (self.value, self.peer_value):
            if isinstance(one, Failed):
                return one.reason
            if one is not None and _number(one) is None:
                return f"the number is {float(one)}"
        return ""

    def plain(self) -> dict[str, Any]:
        """Everything, as JSON values; a number that is missing, infinite or not a number is null."""
        return {
            "name": self.name,
            "value": _number(self.value),
            "unit": self.unit,
            "wanted": self.wanted,
            "peer": self.peer,
            "peer_value": _number(self.peer_value),
            "ok": self.ok,
            "ratio": _number(self.ratio),
            "failed": self.failed,
        }


def _number(value: float | Failed | None) -> float | None:
    if value is None or isinstance(value, Failed):
        return None
    return float(value) if abs(value) < float("inf") else None


@dataclass(frozen=True)
class Size:
    """How much of everything is measured."""

    quick: bool = False
    short: bool = False

    def of(self, full: T, quick: T, short: T) -> T:
        """Return what belongs to this size."""
        return short if self.short else quick if self.quick else full


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the options that every benchmark has; one may add its own."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options.add_argument("--quick", action="store_true", help="a part of the work: rough figures")
    options.add_argument(
        "--short", action="store_true", help="a few seconds: shows that all of it runs; figures mean nothing"
    )
    options.add_argument("--only", metavar="PART", help="one part; what there is stands in the refusal")
    return options


Parts = Mapping[str, Callable[[Size], Iterable[Row]]]


def run(parts: Parts, options: argparse.Namespace) -> int:
    """Run the parts and print their rows; return an exit code: 1 if a part of our own broke off."""
    if options.only not in (None, *parts):
        sys.exit(f"--only {options.only}: there is {', '.join(parts)}")
    size, rows, broken = Size(options.quick, options.short), [], False
    for name, part in parts.items():
        if options.only in (None, name):
            try:
                rows += part(size)
            except Exception as error:  # noqa: BLE001  (the other parts are measured all the same)
                traceback.print_exc()
                rows.append(Row(name, Failed.by(error), ""))
                broken = True
    report(rows, as_json=options.json)
    return int(broken)


def conditions() -> str:
    """Name the machine and the interpreter, in a line."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{machine}, Python {platform.python_version()}"


def report(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print `rows`: one JSON object as the last line, or a table."""
    if as_json:
        plain = {"conditions": conditions(), "rows": [row.plain() for row in rows]}
        print(json.dumps(plain, allow_nan=False), flush=True)
        return
    print(conditions())
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        verdict = {True: "ok", False: "MISSED", None: ""}[row.ok]
        wanted = f"wanted {row.wanted}" if row.wanted else ""
        number = f"{'failed':>10}" if isinstance(row.value, Failed) else f"{row.value:>10.4g}"
        print(
            f"{row.name:<{width}}  {number} {row.unit:<6}  {wanted:<16}  {verdict:<6}  {_peer(row)}".rstrip()
        )


def _peer(row: Row) -> str:
    if row.failed:
        return f"{row.peer} failed: {row.failed}".lstrip()
    return f"{row.peer} {row.peer_value:.4g} (ratio {row.ratio:.3g})" if row.ratio else ""
