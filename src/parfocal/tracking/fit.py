"""The joint fit: x, y, height, contrast and background of one bead against its table, by Fisher scoring.

The first step sees every second row and builds the Fisher matrix; the next sees all rows and reuses it; more
follow only where that did not settle. Positions are in pixels of the region and knots of the table.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from parfocal.tracking.jit import driver
from parfocal.tracking.masking import mask_outliers
from parfocal.tracking.model import COLUMNS, PARAMETERS, Region, Work, accumulate, new_work, solve, variances
from parfocal.tracking.neighbour import Rings, fill_residuals, find_rings, new_rings, take_rings
from parfocal.tracking.rows import AMPLITUDE, CHI2, FLAGS, OFFSET, SIGMA_X, SIGMA_Z, Flag, X, Y, Z
from parfocal.tracking.seed import (
    SPOKES,
    next_height,
    rank_by_rings,
    rank_heights,
    seed_centre,
    spoke_profile,
    sum_rings,
)
from parfocal.tracking.spline import profile_at, refine
from parfocal.tracking.tilt import remove_tilt

_EMPTY, _OFF_TABLE, _AT_EDGE = int(Flag.EMPTY), int(Flag.OFF_TABLE), int(Flag.AT_EDGE)
_BAD_FIT, _NOT_CONVERGED, _NEIGHBOUR = int(Flag.BAD_FIT), int(Flag.NOT_CONVERGED), int(Flag.NEIGHBOUR)
_AMBIGUOUS = int(Flag.AMBIGUOUS)
_MOST_STEPS = 8
_MOST_HEIGHTS, _HEIGHTS_IF_BAD = 4, 2
_APART, _APART_IF_BAD = 1.5, 4.0
"""Distance, in knots, of a height that is tried from those that were, after a good fit and a bad one."""
_RIVALS, _RIVALS_BY_RINGS = 60.0, 30.0
"""Heights whose profiles differ by less, in units of chi2, are all tried: along spokes, and of all pixels."""
_BETWEEN_KNOTS = 0.02
"""What a profile at a knot of the table may leave of the chi2 that one between knots explains."""
_SAME = 16.0
"""Two heights whose fits differ by less, in units of chi2, cannot be told apart."""
_MASK_ROUNDS = 4
_TILT_ROUNDS = 3
_RING_ROUNDS = 3
_RINGS_EXPLAIN, _RINGS_AWAY = 0.6, 0.35
"""Rings are a neighbour's if they explain this part of what the bead leaves, from so many regions away."""
_COHERENT = 6.0
"""What a fit leaves unexplained, rings of others, counts as one for so many pixels: sigma contains it so."""
_WORST_TABLE = 2.0
"""A table whose own images left a larger chi2 is no bead's: its fits are judged as if it were this."""
_BEYOND = 0.3
"""How far, in knots, the fit may step over an end of the table."""


@driver
def _by_chance(expected: float, pixels: float) -> float:
    """Return the chi2 that images like those of the table do not exceed; theirs was `expected`."""
    return float(max(expected, 1.0) * (1 + 5 * np.sqrt(2 / max(pixels, 1.0))))


class State(NamedTuple):
    """Where a fit stands: parameters (x, y, z, contrast, background), root of the Fisher matrix, and quality.

    `quality` holds chi2 for each degree of freedom, whether it settled, and how many pixels counted.
    """

    p: Any
    root: Any
    quality: Any


@driver
def _new_state() -> State:
    return State(np.zeros(PARAMETERS), np.zeros((PARAMETERS, PARAMETERS)), np.zeros(3))


@driver
def _copy(source: State, target: State) -> None:
    target.p[:] = source.p
    target.root[:] = source.root
    target.quality[:] = source.quality


@driver
def _clip(value: float, most: float) -> float:
    return float(min(max(value, -most), most))


@driver
def _advance(p: Any, step: Any, roi: int, knots: float) -> bool:
    """Add a limited step to the parameters; return whether the height wants to leave the table."""
    leaves = (p[2] <= -_BEYOND and step[2] < 0) or (p[2] >= knots + _BEYOND and step[2] > 0)
    p[0] = min(max(p[0] + _clip(step[0], 2.0), 0.0), roi - 1.0)
    p[1] = min(max(p[1] + _clip(step[1], 2.0), 0.0), roi - 1.0)
    p[2] = min(max(p[2] + _clip(step[2], 1.0), -_BEYOND), knots + _BEYOND)
    p[3] += step[3]
    p[4] += step[4]
    return bool(leaves)


@driver
def _set_model(table: Any, fine_basis: Any, p: Any, work: Work) -> None:
    """Make the fine profile of these parameters the one that `work` compares with."""
    profile_at(table, p[2], work.coefficients)
    refine(work.coefficients, fine_basis, work.fine)
    for k in range(PARAMETERS):
        work.model[k] = p[k]


@driver
def _fit(region: Region, table: Any, fine_basis: Any, work: Work, state: State) -> None:
    """Improve the parameters of `state` in place, and fill the rest of it."""
    matrix, step = np.zeros((PARAMETERS, PARAMETERS)), np.zeros(PARAMETERS)
    p, right = state.p, work.sums[COLUMNS - 1]
    size, knots = region.grid.shape[1], table.shape[0] - 3.0
    pixels_in_matrix = 0.0
    state.quality[0], state.quality[1] = np.inf, 0
    for turn in range(_MOST_STEPS):
        _set_model(table, fine_basis, p, work)
        full = turn != 1
        pixels = accumulate(region, work, size // 2 if turn == 0 else size, full)
        if full:
            pixels_in_matrix = pixels
        if pixels < 10 * PARAMETERS:
            return
        for i in range(PARAMETERS):
            for j in range(i + 1):
                matrix[i, j] = work.sums[i, j] * pixels / pixels_in_matrix
        if not solve(matrix, right, PARAMETERS, state.root, step):
            return
        gained = 0.0
        for i in range(PARAMETERS):
            gained += step[i] * right[i]
        state.quality[0] = (right[PARAMETERS] - gained) / (pixels - PARAMETERS)
        state.quality[2] = pixels
        leaves = _advance(p, step, region.roi, knots)
        if (turn == 1 and gained < 20.0) or (turn > 1 and (gained < 0.5 or leaves)):
            state.quality[1] = 1
            return


@driver
def _fit_tilted(region: Region, table: Any, fine_basis: Any, work: Work, state: State) -> None:
    """Go on from a fit with uneven light."""
    for _ in range(_TILT_ROUNDS):
        _set_model(table, fine_basis, state.p, work)
        if remove_tilt(region, work) < 1e-4:
            return
        _fit(region, table, fine_basis, work, state)


@driver
def _fit_masked(region: Region, table: Any, fine_basis: Any, work: Work, best: State, state: State) -> bool:
    """Go on from the best fit without what does not belong to the bead; return whether any was cut."""
    all_pixels = best.quality[2]
    cut = False
    _copy(best, state)
    for _ in range(_MASK_ROUNDS):
        _set_model(table, fine_basis, state.p, work)
        if mask_outliers(region, work) == 0:
            return cut
        _fit(region, table, fine_basis, work, state)
        if state.quality[1] == 0 or state.quality[2] < 0.4 * all_pixels:
            return cut
        cut = True
        _copy(state, best)
    return cut


@driver
def _fit_without_rings(
    region: Region,
    table: Any,
    fine_basis: Any,
    gradient: Any,
    rings: Rings,
    work: Work,
    best: State,
    state: State,
) -> bool:
    """Go on from the best fit without a neighbour's rings; return whether there are any."""
    rings.values[:] = region.values
    variance = max(best.p[4], 0.0) + region.noise
    _copy(best, state)
    for turn in range(_RING_ROUNDS):
        _set_model(table, fine_basis, state.p, work)
        region.values[:] = rings.values
        fill_residuals(region, work, rings.rest)
        found = turn > 0 or find_rings(region, rings, gradient, variance)
        if not (found and take_rings(region, rings, fine_basis, variance, 3)):
            break
        _fit(region, table, fine_basis, work, state)
        if state.quality[1] == 0:
            break
    left = (state.quality[0] - 1) / (best.quality[0] - 1)
    away = np.hypot(rings.place[0] - state.p[0], rings.place[1] - state.p[1])
    if state.quality[1] > 0 and left < 1 - _RINGS_EXPLAIN and away > _RINGS_AWAY * region.roi:
        _copy(state, best)
        return True
    region.values[:] = rings.values
    return False


@driver
def _rank_closer(region: Region, coarse: Any, best: State, variance: float, score: Any) -> float:
    """Rank all heights anew, by all pixels about the centre that was found; return the score of `best`.

    That takes half as long as a fit, and tells apart most of those that a few spokes do not.
    """
    grid, rings = region.grid, np.zeros((coarse.shape[1], 2))
    sum_rings(
        region.values, region.sensitivity, grid[0], grid[1], best.p[0], best.p[1], grid.shape[1], rings
    )  # fmt: skip
    rank_by_rings(rings, coarse, variance, score)
    below = min(max(int(best.p[2]), 0), score.size - 2)
    return float(max(score[below], score[below + 1]))


@driver
def _fit_heights(
    region: Region,
    table: Any,
    coarse: Any,
    score: Any,
    expected: float,
    seed: Any,
    fine_basis: Any,
    tilted: bool,
    most_chi2: float,
    work: Work,
    best: State,
    state: State,
) -> float:
    """Fill `best` with the best fit from the likeliest heights; return by how much the next is worse.

    That is a difference of chi2; infinite if no other height was worth a try.
    """
    tried, height, behind = np.zeros(2 * _MOST_HEIGHTS), np.zeros(2), np.inf
    first, variance = 0.0, max(seed[2], 1.0) + region.noise
    unit, closer = SPOKES / variance, False  # of scores squared, in chi2
    for count in range(_MOST_HEIGHTS):
        likely = min(most_chi2, _by_chance(expected, best.quality[2]))
        settled = count > 0 and best.quality[0] < likely and best.quality[1] > 0
        apart, chi2 = _APART if settled else _APART_IF_BAD, max(best.quality[0], 1.0)
        if not next_height(score, tried, 2 * count, apart, height):
            break
        if count == 0:
            first = height[1]
        elif settled or count >= _HEIGHTS_IF_BAD:
            if (first * first - max(height[1], 0.0) ** 2) * unit > _RIVALS * chi2:
                break
            if settled and not closer:
                first, unit, closer = _rank_closer(region, coarse, best, variance, score), 1.0, True
                next_height(score, tried, 2 * count, apart, height)
                unsure = _RIVALS_BY_RINGS * chi2 + _BETWEEN_KNOTS * first * first
                if first * first - max(height[1], 0.0) ** 2 > unsure:
                    break
        state.p[0], state.p[1], state.p[2] = seed[0], seed[1], height[0]
        state.p[3], state.p[4] = seed[2], seed[2]
        _fit(region, table, fine_basis, work, state)
        if tilted:
            _fit_tilted(region, table, fine_basis, work, state)
        tried[2 * count], tried[2 * count + 1] = height[0], state.p[2]
        if count == 0:
            _copy(state, best)
            continue
        better = state.quality[0] < best.quality[0]
        if abs(state.p[2] - best.p[2]) > 0.5 and np.isfinite(state.quality[0]):
            difference = abs(state.quality[0] - best.quality[0]) * (best.quality[2] - PARAMETERS)
            behind = difference if better else min(behind, difference)
        if better:
            _copy(state, best)
    return behind


@driver
def _fit_region(
    region: Region,
    table: Any,
    coarse: Any,
    score: Any,
    expected: float,
    seed: Any,
    fine_basis: Any,
    tilted: bool,
    most_chi2: float,
    gradient: Any,
    rings: Rings,
    work: Work,
    best: State,
    state: State,
) -> int:
    """Fill `best` with the best fit; return whether a neighbour was left out or the height is ambiguous."""
    knots = table.shape[0] - 3.0
    behind = _fit_heights(
        region, table, coarse, score, expected, seed, fine_basis, tilted, most_chi2, work, best, state
    )  # fmt: skip
    by_chance, flags = _by_chance(expected, best.quality[2]), 0
    coherent = _COHERENT * max(best.quality[0] - 1, 0.0) if best.quality[0] > by_chance else 0.0
    if behind < _SAME * (1 + coherent):
        flags |= _AMBIGUOUS
    if best.quality[1] > 0 and 0 <= best.p[2] <= knots and best.quality[0] > by_chance:
        apart = _fit_without_rings(region, table, fine_basis, gradient, rings, work, best, state)
        by_chance = _by_chance(expected, best.quality[2])
        if (apart and best.quality[0] < by_chance) or (
            _fit_masked(region, table, fine_basis, work, best, state) or apart
        ):
            flags |= _NEIGHBOUR
    return flags


@driver
def fit_regions(
    values: Any,
    sensitivity: Any,
    grid: Any,
    tables: Any,
    coarse: Any,
    expected: Any,
    usable: Any,
    table_noise: Any,
    which: Any,
    fine_basis: Any,
    directions: Any,
    roi: int,
    noise: float,
    most_chi2: float,
    tilted: bool,
    out: Any,
) -> None:
    """Fit each region of a block; fill `out`, (n, RESULTS). The sensitivity may be changed.

    `usable`, (n_tables, 2), holds between which heights, in knots, each table is good; `table_noise`,
    (n_tables, knots), the relative variance of a background pixel in the images that made it.
    """
    reach = tables.shape[2] - 3
    work, best, state = new_work(reach), _new_state(), _new_state()
    rings = new_rings(roi, grid.shape[1])
    gradient, seed = np.zeros((3, grid.shape[1] // 2), np.float32), np.zeros(3)
    profile, score = np.zeros(coarse.shape[2], np.float32), np.zeros(coarse.shape[1], np.float32)
    for i in range(values.shape[0]):
        region = Region(values[i], sensitivity[i], grid, roi, np.float32(reach), np.float32(noise))
        out[i] = np.nan
        if not seed_centre(values[i], sensitivity[i], grid, roi, noise, gradient, seed):
            out[i, FLAGS], out[i, AMPLITUDE], out[i, OFFSET] = _EMPTY, 0, seed[2]
            continue
        spoke_profile(values[i], sensitivity[i], roi, seed[0], seed[1], directions, profile)
        rank_heights(profile, coarse[which[i]], score)
        table = tables[which[i]]
        most = most_chi2 * min(max(expected[which[i]], 1.0), _WORST_TABLE)
        flags = _fit_region(
            region,
            table,
            coarse[which[i]],
            score,
            expected[which[i]],
            seed,
            fine_basis,
            tilted,
            most,
            gradient,
            rings,
            work,
            best,
            state,
        )
        _report(out[i], best, usable[which[i]], roi, expected[which[i]], most, flags)
        background = max(best.p[4], 0.0)
        out[i, SIGMA_Z] *= np.sqrt(
            1 + _noise_at(table_noise[which[i]], best.p[2]) * background**2 / (background + noise + 1e-9)
        )


@driver
def _noise_at(table_noise: Any, knot: float) -> float:
    """Return the noise of a table at the nearest knot."""
    return float(table_noise[min(max(int(knot + 0.5), 0), table_noise.size - 1)])


@driver
def _report(
    row: Any, best: State, usable: Any, roi: int, expected: float, most_chi2: float, flags: int
) -> None:
    """Fill a row from a fit, with its verdicts."""
    p, chi2, variance = best.p, best.quality[0], np.full(PARAMETERS, np.nan)
    if np.isfinite(chi2):
        variances(best.root, PARAMETERS, variance)
    row[X], row[Y], row[Z], row[CHI2], row[OFFSET] = p[0], p[1], p[2], chi2, p[4]
    by_chance = _by_chance(expected, best.quality[2])
    spread = max(expected, 1.0)  # of the bead's own images: a gain that is not true, dust, aberrations
    if flags & _NEIGHBOUR or chi2 > by_chance:
        spread = max(spread, 1 + _COHERENT * max(chi2 - 1, 0.0))
    for k in range(3):
        row[SIGMA_X + k] = np.sqrt(variance[k] * spread)
    row[AMPLITUDE] = p[3] / p[4] if p[4] != 0 else np.nan
    middle = 0.5 * (roi - 1)
    if not (p[3] > 6 * np.sqrt(variance[3]) and p[3] > 0.15 * p[4]):
        flags |= _EMPTY
    if not usable[0] <= p[2] <= usable[1]:
        flags |= _OFF_TABLE
    if max(abs(p[0] - middle), abs(p[1] - middle)) > 0.32 * roi:
        flags |= _AT_EDGE
    if not chi2 < most_chi2:
        flags |= _BAD_FIT
    if best.quality[1] == 0:
        flags |= _NOT_CONVERGED
    row[FLAGS] = flags
