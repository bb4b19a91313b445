"""Lists of positions in files: of Micro-Manager, of a plan, or a table of x, y and z."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, reason_of
from parfocal.runs.plans.micromanager_positions import positions_of
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.plans.plan_files import read_plan_file

if TYPE_CHECKING:
    from pathlib import Path

NAME_FILTER = "Lists of positions (*.pos *.csv *.yaml *.yml *.toml *.json)"
_FIELDS = ("name", "x", "y", "z")


def read_positions(path: Path) -> list[dict[str, Any]]:
    """Return the positions of a file as `Sequence` takes them.

    Parameters
    ----------
    path : Path
        A ``.pos`` of Micro-Manager, a ``.csv`` with columns x, y and if need be z and name (µm), or a plan.

    Raises
    ------
    BadInputError
        If it holds none; names the file, and the line.
    """
    match path.suffix.lower():
        case ".csv":
            return _of_table(path)
        case ".pos":
            try:
                return positions_of(json.loads(path.read_text(encoding="utf-8")), str(path))
            except (OSError, ValueError) as error:
                raise BadInputError(f"{path} cannot be read: {reason_of(error)}") from error
        case _:
            found = plan_to_data(read_plan_file(path).plan).get("stage_positions", [])
            if not found:
                raise BadInputError(f"the plan {path} has no positions of its own")
            return list(found)


def _of_table(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            names = table.fieldnames or ()
            if not {"x", "y"} <= set(names):
                raise BadInputError(
                    f"{path}: its first line must name x and y, and may name z and name; it is {names}"
                )
            return [_position(row, f"{path}:{table.line_num}") for row in table]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be read: {reason_of(error)}") from error


def _position(row: dict[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _FIELDS:
        text = (row.get(name) or "").strip()
        if not text:
            continue
        try:
            found[name] = text if name == "name" else float(text)
        except ValueError as error:
            raise BadInputError(f"{where}: {name} must be a number in µm, not {text!r}") from error
    return found
