"""What a demonstration of the closed loop came to, beside what any run comes to: what its cells did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.rig.run_totals import RunTotals

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LoopReporter(msgspec.Struct, frozen=True, kw_only=True):
    """The reporter at the last time point, cytoplasm over nucleus: mean of the cells, and its standard error.

    NaN where there is no such cell.
    """

    lit: float
    lit_error: float
    unlit: float
    unlit_error: float


class LoopSummary(RunTotals, frozen=True, kw_only=True):
    """What a run with a pipeline came to: the last line that ``--json`` prints.

    Attributes
    ----------
    cells : int
        Followed in all positions.
    reporter : LoopReporter
        Of lit cells and of those that were not.
    mask_iou : dict
        "min" and "mean" over the stimuli: the mask that was made, beside what the simulated modulator really
        lit of the sample, intersection over union.
    calibration_px : float
        How well the modulator is calibrated: RMS of the spots, camera pixels.
    picture : str or None
        What the cells did, and which were lit; None if there was no cell.
    """

    cells: int
    reporter: LoopReporter
    mask_iou: dict[str, float]
    calibration_px: float
    picture: str | None = None


def reporter_of(tracks: NDArray[Any], lit: NDArray[np.bool_], column: str) -> LoopReporter:
    """Return the reporter at the last time point; `lit` tells of each row whether its cell ever was."""
    last = tracks["t"] == tracks["t"].max(initial=-1)
    values = (_mean_and_error(tracks[column][last & chosen]) for chosen in (lit, ~lit))
    (lit_mean, lit_error), (unlit_mean, unlit_error) = values
    return LoopReporter(lit=lit_mean, lit_error=lit_error, unlit=unlit_mean, unlit_error=unlit_error)


def were_lit(tracks: NDArray[Any], doses: NDArray[Any]) -> NDArray[np.bool_]:
    """Return of each row of a cell whether that cell got light by any stimulus.

    Examples
    --------
    >>> cell = np.dtype([("p", int), ("particle", int)])
    >>> doses = np.array([(0, 3, 2.0), (1, 4, 0.0)], [*cell.descr, ("dose", float)])
    >>> were_lit(np.array([(0, 3), (0, 4), (1, 3), (1, 4)], cell), doses)
    array([ True, False, False, False])
    """
    lit = doses[doses["dose"] > 0]
    known = set(zip(lit["p"].tolist(), lit["particle"].tolist(), strict=True))
    cells = zip(tracks["p"].tolist(), tracks["particle"].tolist(), strict=True)
    return np.fromiter((cell in known for cell in cells), bool, len(tracks))


def _mean_and_error(values: NDArray[Any]) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    error = float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")
    return float(values.mean()), error
