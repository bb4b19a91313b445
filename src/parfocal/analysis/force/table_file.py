"""A magnet's table in files: as JSON that outlives a rig, and as the text of whoever measured it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from parfocal.analysis.force.magnet_table import MagnetTable
from parfocal.core.errors import BadInputError, DeviceError, ParfocalError
from parfocal.core.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


class KeptTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pairs of a table, as they are kept."""

    heights: tuple[float, ...]
    forces_pn: tuple[float, ...]


def save_table(path: Path, table: MagnetTable) -> None:
    """Write it as JSON: whoever reads finds the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = KeptTable(heights=tuple(table.heights), forces_pn=tuple(table.forces_pn))
    replace_file(path, msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n", durable=True)


def load_table(path: Path) -> MagnetTable | None:
    """Return what was saved; None if nothing was. `DeviceError` if the file holds no table; names it."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=KeptTable)
        return MagnetTable(kept.heights, kept.forces_pn)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ParfocalError) as error:
        raise DeviceError(
            f"{path} holds no table of a magnet ({error}): set it anew, or remove it"
        ) from error


def read_table(path: Path) -> MagnetTable:
    """Return the table in a text file: height and force in each line, apart by spaces, a tab or a comma.

    Lines that begin with ``#`` are left out; a first line without numbers is a heading.

    Raises
    ------
    BadInputError
        If there is no such file, or one of its lines is no pair; names the line.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise BadInputError(f"{path} can't be read: {error.strerror}") from error
    pairs: list[tuple[float, float]] = []
    for number, line in enumerate(lines, start=1):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            height, force = map(float, words)
        except ValueError as error:
            if not pairs and not any(_is_number(word) for word in words):
                continue
            raise BadInputError(f"{path}, line {number}: {line.strip()!r} is no height and force") from error
        pairs.append((height, force))
    if not pairs:
        raise BadInputError(f"{path} holds no pair of height and force")
    heights, forces = np.array(pairs).T
    return MagnetTable(heights, forces)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
