"""Finding beads without a template: pixels vote along their gradient, the symmetric fit decides.

Maxima of the votes are fitted with their own radial profile, and kept if it explains the image, if they keep
their distance, and if the tracker finds a bead there as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.blocks import load_regions, readable
from parfocal.tracking.impulses import noise_variance, without_impulses
from parfocal.tracking.pixels import PixelGrid
from parfocal.tracking.rows import AMPLITUDE, CHI2, FLAGS, OFFSET, RESULTS, Flag, X, Y
from parfocal.tracking.spline import FINE_BASIS
from parfocal.tracking.symmetry import BINS, fit_centres
from parfocal.tracking.tracker import BeadTracker
from parfocal.tracking.votes import typical, vote

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOUND_DTYPE = np.dtype([("x_px", "<f8"), ("y_px", "<f8"), ("score", "<f8")])
"""Centres in frame coordinates, and how much of the image each bead's own rings explain, 0 to 1."""

_DISTURBING = 0.45
"""Votes, relative to those of a typical bead, that are worth keeping away from."""
_REGION = 1.6
"""Edge of the region that a tracker has around a bead, in distances of beads."""
_NO_BEAD = np.uint32(Flag.EMPTY | Flag.NOT_CONVERGED)


class Candidates(NamedTuple):
    """What may be a bead: places and scores, contrasts, and votes; a score of 0 where nothing was fitted."""

    found: NDArray[np.void]
    contrast: NDArray[np.float64]
    votes: NDArray[np.float32]


def find_beads(
    frame: NDArray[Any],
    min_distance_px: int = 40,
    *,
    min_score: float = 0.7,
    min_contrast: float = 0.45,
    tracker: BeadTracker | None = None,
) -> NDArray[np.void]:
    """Find free-standing beads at any height.

    Parameters
    ----------
    frame : ndarray of numbers, (y, x)
        An image with beads that are more than a few pixels wide. Pixels that stand out alone count for
        nothing.
    min_distance_px : int
        Beads nearer to one another, or to the frame's edge than half of it, are left out: they cannot be
        tracked undisturbed. Also the size of the region that decides; take about the width of a bead with its
        rings.
    min_score : float
        How much of the variance around a bead its rings must explain, 0 to 1.
    min_contrast : float
        Contrast needed, relative to that of a typical bead in this frame: dirt has less.
    tracker : BeadTracker, optional
        The one without tables that will follow them: what it calls empty in this frame is no find. If not
        given, one with regions of 1.6 times the distance that knows nothing of the camera.

    Returns
    -------
    ndarray of `FOUND_DTYPE`
        Best score first.

    Examples
    --------
    >>> from parfocal.tracking.simulation import bead_stack, render
    >>> frame = np.full((200, 300), 500, np.float32)
    >>> render(frame, bead_stack(0.5, 0.1, [2500.0], 64), [70.2, 200.0], [100.0, 90.0], 0.0, 500)
    >>> found = find_beads(frame.astype(np.uint16))
    >>> sorted(found["x_px"].round(1).tolist())
    [70.2, 200.0]
    """
    calm, noise = _calm(frame, min_distance_px)
    found, contrast, votes = _candidates(calm, noise, min_distance_px)
    beadlike = (found["score"] > min_score) & (contrast > min_contrast * typical(contrast, found["score"]))
    disturbing = beadlike | (votes > _DISTURBING * typical(votes, votes))
    good = found[beadlike & _alone(found, disturbing, min_distance_px)]
    if tracker is None:
        gain = min(max(float(np.mean(calm)), 1e-6) / noise, 1.0)  # one electron a count, or more noise
        tracker = BeadTracker(None, min(2 * round(_REGION / 2 * min_distance_px), 256), gain_e_per_adu=gain)
    return np.sort(good[_is_bead(calm, good, tracker)], order="score")[::-1]


def find_candidates(frame: NDArray[Any], min_distance_px: int = 40) -> NDArray[np.void]:
    """Return all places at which `find_beads` looks, good or not, as it does; best score first."""
    calm, noise = _calm(frame, min_distance_px)
    found = _candidates(calm, noise, min_distance_px).found
    return np.sort(found[found["score"] > 0], order="score")[::-1]


def _calm(frame: NDArray[Any], apart: int) -> tuple[NDArray[Any], float]:
    """Return the frame without impulses, of its own type if that is a camera's, and a pixel's variance."""
    if not 8 <= apart <= 256:
        raise BadInputError(f"min_distance_px must be from 8 to 256, not {apart}")
    view, _ = readable(frame, np.zeros((0, 0), np.float32))
    image = view.astype(np.float32)
    noise = noise_variance(image)
    return without_impulses(image, noise).astype(view.dtype), noise


def _candidates(calm: NDArray[Any], noise: float, apart: int) -> Candidates:
    peaks, votes = vote(calm.astype(np.float32), noise, apart)
    return Candidates(*_judge(calm, peaks, noise, apart), votes)


def _is_bead(calm: NDArray[Any], found: NDArray[np.void], tracker: BeadTracker) -> NDArray[np.bool_]:
    """Return where the tracker finds a bead as well, and not another one."""
    roi = tracker.roi_px
    middles = np.stack([found["y_px"], found["x_px"]], axis=1)
    most = np.maximum(np.array(calm.shape) - roi, 0)
    corners = np.clip(np.rint(middles - (roi - 1) / 2), 0, most).astype(np.int64)
    rows = tracker.track(calm, corners, np.zeros(len(found), np.int64))
    away = np.hypot(rows["x_px"] - found["x_px"], rows["y_px"] - found["y_px"])
    return np.asarray(((rows["flags"] & _NO_BEAD) == 0) & (away < roi / 8))


def _judge(
    view: NDArray[Any], peaks: NDArray[np.float64], noise: float, apart: int
) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Fit each maximum; return places, scores, and contrasts; both are 0 for no beads, and near the edge."""
    found = np.zeros(len(peaks), FOUND_DTYPE)
    if not len(peaks):
        return found, np.zeros(0)
    roi = apart + apart % 2
    corners = np.rint(peaks - (roi - 1) / 2).astype(np.int64)
    inside = (corners >= 0).all(axis=1) & (corners + roi <= np.array(view.shape)).all(axis=1)
    found["y_px"], found["x_px"] = peaks.T
    rows = _fit(view, corners, roi, noise)
    contrast = (rows[:, AMPLITUDE] * rows[:, OFFSET]) ** 2
    rest = np.maximum(rows[:, CHI2] - 1, 0) * np.maximum(rows[:, OFFSET], 1e-6)
    fitted = inside & ((rows[:, FLAGS].astype(int) & int(Flag.EMPTY | Flag.AT_EDGE)) == 0)
    found["x_px"][fitted] = rows[fitted, X] + corners[fitted, 1]
    found["y_px"][fitted] = rows[fitted, Y] + corners[fitted, 0]
    found["score"][fitted] = (contrast / np.maximum(contrast + rest, 1e-12))[fitted]
    return found, np.where(fitted, rows[:, AMPLITUDE], 0.0)


def _fit(view: NDArray[Any], corners: NDArray[np.int64], roi: int, noise: float) -> NDArray[np.float64]:
    """Fit each region by its own symmetry, with counts scaled so that their variance is their mean."""
    grid = PixelGrid.of(roi)
    gain = max(float(np.mean(view)), 1e-6) / noise
    values = np.zeros((len(corners), grid.length), np.float32)
    sensitivity, out = np.zeros_like(values), np.zeros((len(corners), RESULTS))
    limits = np.array([gain, 0, np.inf], np.float32)
    seen = np.zeros((len(corners), 2), np.int64)
    flat = np.zeros((0, 0), np.float32)
    load_regions(view, flat, corners, roi, limits, values, sensitivity, seen)
    knots = roi // 2
    binned = np.zeros((len(corners), knots * BINS, 2), np.float32)
    fit_centres(values, sensitivity, grid.places, FINE_BASIS, roi, knots, 0.0, np.inf, out, binned)
    return out


def _alone(found: NDArray[np.void], disturbing: NDArray[np.bool_], apart: int) -> NDArray[np.bool_]:
    """Return which have no other, disturbing one within `apart`."""
    x, y = found["x_px"], found["y_px"]
    near = [np.hypot(x[disturbing] - x[k], y[disturbing] - y[k]) <= apart for k in range(len(found))]
    return np.array([seen.sum() == own for seen, own in zip(near, disturbing, strict=True)], bool)
