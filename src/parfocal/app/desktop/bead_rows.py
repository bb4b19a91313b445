"""What the panel of beads tells of each: place, height, how well it is tracked. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.overlay import verdict as flag_words
from parfocal.app.desktop.cell_table import TableCell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.analysis.beads.verdicts import BeadVerdict
    from parfocal.app.desktop.cell_table import CellTone

COLUMNS = {"bead": 54, "x": 40, "y": 40, "z (nm)": 54, "verdict": 102, "tracked": 0}
NUMBERS = (1, 2, 3)
_NOT_STUCK = (
    "A reference has to be stuck to the glass: this one hangs on a tether; its motion, and what "
    "the force does to its height, would be that of all others and of the locks."
)
_NO_ROW = TableCell("no rows yet", "faint", "The camera does not expose, or the tracker has not begun")


def bead_rows(
    centers: Mapping[int, tuple[float, float]],
    newest: Mapping[int, Any],
    references: Sequence[int],
    verdicts: Mapping[int, BeadVerdict],
) -> dict[str, tuple[TableCell, ...]]:
    """Return a row for each bead, by its number.

    Examples
    --------
    >>> newest = {3: {"z_nm": float("nan"), "chi2": 1.25, "flags": 0}}
    >>> [cell.text for cell in bead_rows({3: (10.0, 20.6)}, newest, (3,), {})["3"]]
    ['3 ref', '10', '21', '', '', 'good, chi2 1.2']
    >>> from parfocal.analysis.beads.verdicts import BeadVerdict
    >>> tethered = {3: BeadVerdict(bead=3, verdict="good")}
    >>> [bead_rows({3: (10.0, 20.6)}, {}, taken, tethered)["3"][4].text for taken in ((3,), ())]
    ['not stuck', 'good']
    """
    return {
        str(bead): (
            TableCell(f"{bead} ref" if bead in references else str(bead)),
            TableCell(f"{x:.0f}", "faint", f"x {x:.1f} px"),
            TableCell(f"{y:.0f}", "faint", f"y {y:.1f} px"),
            _height(newest.get(bead)),
            _judged(verdicts.get(bead), reference=bead in references),
            _tracked(newest.get(bead)),
        )
        for bead, (x, y) in centers.items()
    }


def _height(row: Any) -> TableCell:
    z_nm = float("nan") if row is None else float(row["z_nm"])
    return TableCell("" if z_nm != z_nm else f"{round(z_nm)}")


def _judged(verdict: BeadVerdict | None, *, reference: bool) -> TableCell:
    """Return what a bead is good for, with the reasons when the mouse is over it."""
    if verdict is None:
        return TableCell("")
    reasons = "\n".join(verdict.reasons)
    if reference and verdict.verdict == "good":
        return TableCell("not stuck", "flagged", f"{_NOT_STUCK}\n{reasons}")
    tone: CellTone = "faint" if verdict.verdict == "not judged" else "good"
    return TableCell(verdict.verdict, "flagged" if is_bad(verdict, reference=reference) else tone, reasons)


def _tracked(row: Any) -> TableCell:
    """Return how well a bead was tracked in its newest row."""
    if row is None:
        return _NO_ROW
    chi2, flags = float(row["chi2"]), int(row["flags"])
    words = flag_words(flags)[0]
    return TableCell(f"{words}, chi2 {chi2:.1f}" if chi2 == chi2 else words, "flagged" if flags else "good")


def is_bad(verdict: BeadVerdict, *, reference: bool) -> bool:
    """Whether a bead was judged to be of no use; a reference has to be stuck."""
    return verdict.verdict not in ("stuck" if reference else "good", "not judged")
