"""What the panel of beads tells of each: place, height, how well it is tracked. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.overlay import verdict
from parfocal.app.desktop.cell_table import TableCell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = {"bead": 66, "x": 54, "y": 54, "z (nm)": 62, "tracked": 0}
NUMBERS = (1, 2, 3)
_NO_ROW = TableCell("no rows yet", "faint", "The camera does not expose, or the tracker has not begun")


def bead_rows(
    centers: Mapping[int, tuple[float, float]], newest: Mapping[int, Any], references: Sequence[int]
) -> dict[str, tuple[TableCell, ...]]:
    """Return a row for each bead, by its number.

    Examples
    --------
    >>> rows = bead_rows({3: (10.0, 20.26)}, {3: {"z_nm": float("nan"), "chi2": 1.25, "flags": 0}}, (3,))
    >>> [cell.text for cell in rows["3"]]
    ['3 ref', '10.0', '20.3', '', 'good, chi2 1.2']
    """
    return {
        str(bead): (
            TableCell(f"{bead} ref" if bead in references else str(bead)),
            TableCell(f"{x:.1f}", "faint", "px"),
            TableCell(f"{y:.1f}", "faint", "px"),
            *_tracked(newest.get(bead)),
        )
        for bead, (x, y) in centers.items()
    }


def _tracked(row: Any) -> tuple[TableCell, TableCell]:
    """Return the height, and how well the bead was tracked in its newest row."""
    if row is None:
        return TableCell(""), _NO_ROW
    z_nm, chi2, flags = float(row["z_nm"]), float(row["chi2"]), int(row["flags"])
    words = verdict(flags)[0]
    told = f"{words}, chi2 {chi2:.1f}" if chi2 == chi2 else words
    height = TableCell("" if z_nm != z_nm else f"{z_nm:.0f}")
    return height, TableCell(told, "flagged" if flags else "good")
