"""What a bead is good for, judged by how it moves: good, lost, stuck, or held by two tethers. Pure.

A bead on a single tether is a pendulum that heat drives. Its variance across the force is kT (l + r) / F
where it turns with the tether, and kT l / F along the field, where it does not (l extension, r radius, F
force; Strick et al. 1996, doi:10.1126/science.271.5257.1835; Daldrop et al. 2015,
doi:10.1016/j.bpj.2015.04.011). All beads of a field feel about the same force and hang on tethers of about
the same length, so they move alike. A second tether adds stiffness in the direction in which the two are
apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

Verdict = Literal["good", "lost", "stuck", "double tether", "not judged"]
_GOOD, _LOST, _STUCK, _DOUBLE, _NOT_JUDGED = range(5)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MOVING = frozenset((_GOOD, _DOUBLE))
"""Places in `VERDICTS` of those for which enough independent rows are needed."""

FOUND = 0.5
"""A bead that is found in a smaller part of its rows is lost."""
LEAST_ROWS = 100
"""Before so many rows tell its place, and are independent of one another, a bead is not judged by its motion:
its variance is known to sqrt(2 / 100) = 14 % then."""
STILL_ENOUGH = 70
"""A bead that was judged stays so with as many independent rows. Their number is an estimate: a bead near the
limit would be judged in one second, and not in the next."""
STUCK_NM = 3.0
"""Least RMS motion, sqrt(kT l / F), of a tether that is of use: that of 0.1 um of DNA at 45 pN."""
STUCK_PART = 1 / 3
"""A bead that moves by less than this part of what is expected would hang on a tether of a ninth of the
length, or feel nine times the force of the others: it is held otherwise."""
DOUBLE_PART = 0.75
"""Part of the expected variance, in some direction, below which a second tether is the better explanation.

For a single tether that part is its extension over the force on its bead, relative to the others. The
moments of beads of one batch differ (De Vlaminck et al. 2012, doi:10.1371/journal.pone.0041432): a quarter
leaves room for 10 % in the force and 10 % in the length. Two tethers of 1 um that begin half their length
apart leave at most 0.71 at 1 pN and 0.60 at 5 pN, whatever their direction; two that begin a quarter of it
apart, or of 0.3 um, may leave 0.85, and pass for a single one: only turning the magnet tells them."""
FEWEST_ALIKE = 3
"""So many beads have to move before they are the measure of one another."""


JUDGED_DTYPE = np.dtype(
    [
        ("bead", "<i4"),
        ("verdict", "u1"),
        *((name, "<f8") for name in ("most", "least", "part", "most_part", "towards_deg")),
    ]
)
"""A bead as it was judged: place of its verdict in `VERDICTS`; variances (nm^2) across the force in the
direction in which it moves most, and least; least and most part of what is expected over all directions, and
the direction of the least, from x to y. NaN where that is not known."""


class ExpectedMotion(msgspec.Struct, frozen=True):
    """How a bead on a single tether moves: covariance across the force (nm^2), and where that comes from."""

    xx: float
    yy: float
    xy: float
    source: str


class BeadVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a bead is good for.

    Attributes
    ----------
    bead : int
        Its number.
    verdict : str
        "good", "lost", "stuck", "double tether", or "not judged" before there are rows enough.
    since_utc : str
        Time of the frame from which on this is the verdict.
    reasons : tuple of str
        In words, with the figures that the verdict rests on.
    rms_nm : tuple of float or None
        Motion across the force: in the direction in which it moves most, and in the one across.
    z_rms_nm : float or None
        Motion in height; None without z tables.
    part : float or None
        Least part of the expected variance, over all directions; None where nothing is expected.
    """

    bead: int
    verdict: Verdict
    since_utc: str = ""
    reasons: tuple[str, ...] = ()
    rms_nm: tuple[float, float] | None = None
    z_rms_nm: float | None = None
    part: float | None = None


def judge(
    motion: NDArray[Any], expected: ExpectedMotion | None, before: Collection[int] = ()
) -> NDArray[Any]:
    """Return a verdict on each bead (`JUDGED_DTYPE`).

    Parameters
    ----------
    motion : structured ndarray
        As `parfocal.analysis.beads.motion.MOTION_DTYPE`.
    expected : ExpectedMotion or None
        How those on a single tether move, such as `common_motion`.
    before : collection of int
        Beads that had enough independent rows the last time.
    """
    judged = np.zeros(len(motion), JUDGED_DTYPE)
    judged["bead"] = motion["bead"]
    judged["most"], judged["least"], _ = _principal(motion["xx"], motion["yy"], motion["xy"])
    for name in ("part", "most_part", "towards_deg"):
        judged[name] = np.nan
    if expected is not None:
        _compare(judged, motion, expected)
    error = np.sqrt(2 / np.maximum(motion["independent"], 1.0))
    double = (judged["part"] < DOUBLE_PART) & (judged["part"] * (1 + 2 * error) < 1)
    causes = [
        (motion["placed"] < FOUND * motion["rows"], _LOST),
        ((motion["placed"] < LEAST_ROWS) | ~np.isfinite(judged["most"]), _NOT_JUDGED),
        ((judged["most"] < STUCK_NM**2) | (judged["most_part"] < STUCK_PART**2), _STUCK),
        (~_has_enough(motion, before), _NOT_JUDGED),
        (double, _DOUBLE),
    ]
    judged["verdict"] = np.select([which for which, _ in causes], [verdict for _, verdict in causes], _GOOD)
    return judged


def common_motion(motion: NDArray[Any], before: Collection[int] = ()) -> ExpectedMotion | None:
    """Return how the beads that move do so at the median; None if that is no measure.

    So it is with fewer than three, and where their median has no motion along x, or along y, beyond the noise
    that the tracker states. Which beads count is told as in `judge`.
    """
    most, _, _ = _principal(motion["xx"], motion["yy"], motion["xy"])
    moving = motion[_has_enough(motion, before) & (most > STUCK_NM**2)]
    if len(moving) < FEWEST_ALIKE:
        return None
    xx, yy, xy = (float(np.median(moving[name])) for name in ("xx", "yy", "xy"))
    if not min(xx, yy) > 0:
        return None
    most_xy = 0.99 * float(np.sqrt(xx * yy))  # medians of each need not belong to one bead
    xy = min(max(xy, -most_xy), most_xy)
    return ExpectedMotion(xx, yy, xy, f"the median of {len(moving)} beads that move")


def _has_enough(motion: NDArray[Any], before: Collection[int]) -> NDArray[np.bool_]:
    """Return of each bead whether enough rows are independent; for one that had enough, fewer are."""
    least = np.where(np.isin(motion["bead"], list(before)), STILL_ENOUGH, LEAST_ROWS)
    return np.asarray(motion["independent"] >= least)


def in_words(motion: Any, judged: Any, expected: ExpectedMotion | None, since_utc: str) -> BeadVerdict:
    """Return the verdict on one bead, from its rows of both arrays, with its reasons."""
    verdict, bead = VERDICTS[judged["verdict"]], int(judged["bead"])
    rows, placed, independent = int(motion["rows"]), int(motion["placed"]), float(motion["independent"])
    if verdict == "lost":
        reason = f"no bead was found in {1 - placed / rows:.0%} of {rows} rows"
        return BeadVerdict(bead=bead, verdict=verdict, since_utc=since_utc, reasons=(reason,))
    if placed < LEAST_ROWS or not np.isfinite(judged["most"]):
        reason = f"{placed} rows tell where it is: {LEAST_ROWS} are needed"
        return BeadVerdict(bead=bead, verdict=verdict, since_utc=since_utc, reasons=(reason,))
    most, least = _rms(judged["most"]), _rms(judged["least"])
    height = _rms(motion["zz"]) if np.isfinite(motion["zz"]) else None
    also = "" if height is None else f", {height:.1f} nm in height"
    reasons = (
        _reason(verdict, judged, independent, expected),
        f"it moves by {most:.1f} x {least:.1f} nm RMS across the force{also}",
    )
    part = None if expected is None else float(judged["part"])
    return BeadVerdict(
        bead=bead, verdict=verdict, since_utc=since_utc, reasons=reasons,
        rms_nm=(most, least), z_rms_nm=height, part=part,
    )  # fmt: skip


def _reason(verdict: Verdict, judged: Any, independent: float, expected: ExpectedMotion | None) -> str:
    """Return why a bead that is tracked is what it is."""
    if verdict == "stuck" and judged["most"] < STUCK_NM**2:
        return f"no tether holds a bead to less than {STUCK_NM:g} nm"
    if verdict == "not judged":
        return f"{independent:.0f} of its rows are independent, {LEAST_ROWS} are needed: it moves slowly"
    if expected is None:
        return "nothing to compare it with: whether a second tether holds it cannot be told"
    if verdict == "stuck":
        return f"it has less than a third of the motion of {expected.source}"
    part = float(judged["part"])
    error = part * np.sqrt(2 / independent)
    compared = f"{part:.2f} +- {error:.2f} of the variance of {expected.source}"
    if verdict == "double tether":
        return f"along {judged['towards_deg']:.0f} deg (from x to y) it has {compared}"
    return f"in every direction it has at least {compared}"


def _compare(judged: NDArray[Any], motion: NDArray[Any], expected: ExpectedMotion) -> None:
    """Fill in the parts of what is expected: the covariance in units of the expected one, by its root."""
    a = np.sqrt(expected.xx)
    b = expected.xy / a
    c = np.sqrt(expected.yy - b**2)
    xx = motion["xx"] / a**2
    xy = (motion["xy"] - b * motion["xx"] / a) / (a * c)
    yy = (motion["yy"] - 2 * b * motion["xy"] / a + b**2 * xx) / c**2
    judged["most_part"], judged["part"], angle = _principal(xx, yy, xy)
    along, aside = -np.sin(angle), np.cos(angle)
    x, y = along / a - b * aside / (a * c), aside / c
    judged["towards_deg"] = np.degrees(np.arctan2(y, x)) % 180


def _principal(
    xx: NDArray[np.float64], yy: NDArray[np.float64], xy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the greatest and the least variance of covariances, and the angle of the greatest, in rad.

    Examples
    --------
    >>> [float(each) for each in _principal(np.array(1.0), np.array(4.0), np.array(0.0))]
    [4.0, 1.0, 1.5707963267948966]
    """
    mean, half = (xx + yy) / 2, (xx - yy) / 2
    reach = np.hypot(half, xy)
    return mean + reach, mean - reach, np.arctan2(xy, half) / 2


def _rms(variance: Any) -> float:
    return float(np.sqrt(max(0.0, variance)))
