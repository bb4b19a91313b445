"""What a bead is good for, judged by how it moves: good, lost, stuck, or held by two tethers. Pure.

A bead on a single tether is a pendulum that heat drives. Its variance across the force is kT (l + r) / F
where it turns with the tether, and kT l / F along the field, where it does not (l extension, r radius, F
force; Strick et al. 1996, doi:10.1126/science.271.5257.1835; Daldrop et al. 2015,
doi:10.1016/j.bpj.2015.04.011). All beads of a field feel about the same force and hang on tethers of about
the same length, so they move alike. A second tether adds stiffness in the direction in which the two are
apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Verdict = Literal["good", "lost", "stuck", "double tether", "not judged"]

FOUND = 0.5
"""A bead that is found in a smaller part of its rows is lost."""
LEAST_ROWS = 100
"""Before so many rows tell its place, and are independent of one another, a bead is not judged by its motion:
its variance is known to sqrt(2 / 100) = 14 % then."""
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


class ExpectedMotion(msgspec.Struct, frozen=True):
    """How a bead on a single tether moves: covariance across the force (nm^2), and where that comes from."""

    xx: float
    yy: float
    xy: float
    source: str

    @property
    def matrix(self) -> NDArray[np.float64]:
        """As (2, 2)."""
        return np.array([[self.xx, self.xy], [self.xy, self.yy]])


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


def judge(motion: NDArray[Any], expected: ExpectedMotion | None = None) -> list[BeadVerdict]:
    """Return a verdict on each bead.

    Parameters
    ----------
    motion : structured ndarray
        As `parfocal.analysis.beads.motion.MOTION_DTYPE`.
    expected : ExpectedMotion, optional
        What is known of single tethers. Without it, the median of the beads that move is the measure, if
        there are three or more.
    """
    if expected is None:
        expected = common_motion(motion)
    return [_verdict(bead, expected) for bead in motion]


def common_motion(motion: NDArray[Any]) -> ExpectedMotion | None:
    """Return how the beads that move do so at the median, or None if there are fewer than three."""
    moving = motion[(motion["independent"] >= LEAST_ROWS) & (_largest(motion) > STUCK_NM**2)]
    if len(moving) < FEWEST_ALIKE:
        return None
    xx, yy, xy = (float(np.median(moving[name])) for name in ("xx", "yy", "xy"))
    return ExpectedMotion(xx, yy, xy, f"the median of {len(moving)} beads that move")


def _largest(motion: NDArray[Any]) -> NDArray[np.float64]:
    """Return the variance of each bead in the direction in which it moves most."""
    mean, half = (motion["xx"] + motion["yy"]) / 2, (motion["xx"] - motion["yy"]) / 2
    return np.asarray(mean + np.hypot(half, motion["xy"]))


def _verdict(bead: Any, expected: ExpectedMotion | None) -> BeadVerdict:
    number, rows, placed = int(bead["bead"]), int(bead["rows"]), int(bead["placed"])
    if placed < FOUND * rows:
        reason = f"no bead was found in {1 - placed / rows:.0%} of {rows} rows"
        return BeadVerdict(bead=number, verdict="lost", reasons=(reason,))
    if placed < LEAST_ROWS or not np.isfinite(bead["xx"]):
        reason = f"{placed} rows tell where it is: {LEAST_ROWS} are needed"
        return BeadVerdict(bead=number, verdict="not judged", reasons=(reason,))
    seen = _Seen.of(bead, expected)
    verdict, reason = _judged(seen, expected)
    return BeadVerdict(
        bead=number,
        verdict=verdict,
        reasons=(reason, *seen.words),
        rms_nm=seen.rms_nm,
        z_rms_nm=seen.z_rms_nm,
        part=None if expected is None else seen.least_part,
    )


class _Seen(NamedTuple):
    """How a bead moves: RMS along axes of its own; least and greatest part of what is expected, and where."""

    rms_nm: tuple[float, float]
    z_rms_nm: float | None
    independent: float
    least_part: float
    most_part: float
    towards_deg: float

    @classmethod
    def of(cls, bead: Any, expected: ExpectedMotion | None) -> _Seen:
        covariance = np.array([[bead["xx"], bead["xy"]], [bead["xy"], bead["yy"]]])
        least, most = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0.0)).tolist()
        z = float(np.sqrt(max(0.0, bead["zz"]))) if np.isfinite(bead["zz"]) else None
        independent = float(bead["independent"])
        if expected is None:
            return cls((most, least), z, independent, np.nan, np.nan, np.nan)
        inverse = np.linalg.inv(np.linalg.cholesky(expected.matrix))
        parts, directions = np.linalg.eigh(inverse @ covariance @ inverse.T)
        x, y = inverse.T @ directions[:, 0]  # along this the motion is the smallest part of what is expected
        towards = float(np.degrees(np.arctan2(y, x))) % 180
        return cls((most, least), z, independent, float(parts[0]), float(parts[1]), towards)

    @property
    def words(self) -> tuple[str, ...]:
        """The figures, for people."""
        height = "" if self.z_rms_nm is None else f", {self.z_rms_nm:.1f} nm in height"
        return (f"it moves by {self.rms_nm[0]:.1f} x {self.rms_nm[1]:.1f} nm RMS across the force{height}",)


def _judged(seen: _Seen, expected: ExpectedMotion | None) -> tuple[Verdict, str]:
    """Return the verdict on a bead that is tracked, and why."""
    if seen.rms_nm[0] < STUCK_NM:
        return "stuck", f"no tether holds a bead to less than {STUCK_NM:g} nm"
    if expected is not None and seen.most_part < STUCK_PART**2:
        return "stuck", f"less than a third of the motion of {expected.source}"
    if seen.independent < LEAST_ROWS:
        return "not judged", (
            f"{seen.independent:.0f} of its rows are independent, {LEAST_ROWS} are needed: it moves slowly"
        )
    if expected is None:
        return "good", "nothing to compare it with: whether a second tether holds it cannot be told"
    error = np.sqrt(2 / seen.independent)
    compared = f"{seen.least_part:.2f} +- {seen.least_part * error:.2f} of the variance of {expected.source}"
    if seen.least_part < DOUBLE_PART and seen.least_part * (1 + 2 * error) < 1:
        return "double tether", f"along {seen.towards_deg:.0f} deg (from x to y) it has {compared}"
    return "good", f"in every direction it has at least {compared}"
