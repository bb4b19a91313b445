"""Position lists of Micro-Manager 2 (``.pos``), which are JSON: a map of values that each tell their type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import number

_FORMAT = "Micro-Manager Property Map"


def positions_of(data: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """Return the positions of a list, in the words of `StagePosition`.

    Raises
    ------
    BadInputError
        If it is none, or moves something else than the default stages; names the position.
    """
    if data.get("format") != _FORMAT or data.get("major_version") != 2:
        raise BadInputError(
            f"{where} is no position list of Micro-Manager 2: its format is {data.get('format')!r}"
        )
    try:
        entries = data["map"]["StagePositions"]["array"]
        return [_position(entry, f"{where}: position {place}") for place, entry in enumerate(entries)]
    except (KeyError, TypeError) as error:
        raise BadInputError(
            f"{where} is no whole position list of Micro-Manager: {error!r} is missing"
        ) from error


def _position(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    names = {entry["DefaultXYStage"]["scalar"]: "xy", entry["DefaultZStage"]["scalar"]: "z"}
    found: dict[str, Any] = {"name": entry["Label"]["scalar"]}
    for device in entry["DevicePositions"]["array"]:
        name, values = device["Device"]["scalar"], device["Position_um"]["array"]
        axes = names.get(name, "")
        if not name or len(values) != len(axes):
            raise BadInputError(
                f"{where} ({found['name']!r}) moves {name!r} to {values!r}: only the default stages of "
                "the list can be moved; remove it"
            )
        found |= {axis: number(value, f"{where}.{axis}") for axis, value in zip(axes, values, strict=True)}
    return found
