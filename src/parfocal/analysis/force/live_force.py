"""Forces on many beads from their traces: by spectrum and Allan variance, with errors and doubts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.analysis.force.live_records import LIVE_DTYPE, LiveWarning
from parfocal.analysis.force.live_settings import Anchor, TetherPhysics
from parfocal.core.errors import BadInputError
from parfocal.tracking.drift import subtract_drift
from parfocal.tracking.force import fit_allan_variances, fit_power_spectra
from parfocal.tracking.wlc import chain_extension_nm

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from parfocal.analysis.force.traces import Traces
    from parfocal.tracking.force import Stiffness

    Floats = NDArray[np.float64]

FEWEST_SAMPLES = 64
_RELAXATIONS = 50
_FEW_GAPS, _MOST_FILLED, _IN_A_ROW = 0.02, 0.1, 2
_BLURRED, _TOO_STIFF = 2.0, 0.4
_ROUNDS = 40


class CameraScale(NamedTuple):
    """What the camera makes of motion: the edge of a pixel in the sample, and the exposure."""

    pixel_nm: float
    exposure_s: float


def live_rows(
    traces: Traces,
    scale: CameraScale,
    physics: TetherPhysics,
    *,
    anchors: Mapping[int, Anchor],
    references: Collection[int] = (),
    expected_pn: float = float("nan"),
) -> NDArray[Any]:
    """Return a row (`LIVE_DTYPE`) for each bead of the traces that is no reference.

    A straight line is taken away from each trace, and before that the common motion of the references.

    Parameters
    ----------
    traces : Traces
        Of the beads and the references, in frames that follow one another.
    scale, physics
        What the numbers depend on.
    anchors : mapping of int to Anchor
        The surface below beads, where it is known.
    references : collection of int
        Beads whose common motion is drift.
    expected_pn : float
        What the magnet's table says; NaN if that is not known.
    """
    place_nm, warning = _without_drift(traces.place_px * scale.pixel_nm, traces.beads, references)
    columns = [n for n, bead in enumerate(traces.beads) if bead not in set(references)]
    rows = np.zeros(len(columns), LIVE_DTYPE)
    for name in LIVE_DTYPE.names or ():
        if LIVE_DTYPE[name].kind == "f":
            rows[name] = np.nan
    rows["bead"] = [traces.beads[n] for n in columns]
    rows["time_ns"], rows["expected_pn"] = traces.time_ns, expected_pn
    rows["warnings"] = warning | (0 if np.isfinite(expected_pn) else LiveWarning.OUTSIDE)
    usable: dict[int, list[tuple[int, Floats, float]]] = {}
    for row, n in enumerate(columns):
        trace = _judged(rows[row : row + 1], place_nm[:, n], traces.interval_s)
        error_nm = _median(traces.sigma_px[:, n]) * scale.pixel_nm
        if trace is None:
            continue
        if not error_nm < 0.95 * trace.std():
            rows["warnings"][row] |= LiveWarning.STILL
            continue
        usable.setdefault(trace.size, []).append((row, trace, error_nm))
    for group in usable.values():
        _fit(rows, group, traces, scale, physics, anchors)
    return rows


def solved(
    stiffness: Floats, physics: TetherPhysics, contour_nm: float | None = None
) -> tuple[Floats, Floats]:
    """Return the forces on beads of such a stiffness, and the extensions that their chain has at these.

    Examples
    --------
    >>> forces, extensions = solved(np.array([1e-3]), TetherPhysics(radius_nm=500.0, contour_nm=1000.0))
    >>> forces.round(3).tolist(), extensions.round().tolist()
    ([1.378], [878.0])
    """
    contour = physics.contour_nm if contour_nm is None else contour_nm
    extension = np.full(stiffness.shape, contour)
    for _ in range(_ROUNDS):
        extension = chain_extension_nm(
            stiffness * (extension + physics.radius_nm), contour, physics.persistence_nm,
            stretch_pn=physics.stretch_pn, temperature_k=physics.temperature_k,
        )  # fmt: skip
    return stiffness * (extension + physics.radius_nm), extension


def _without_drift(
    place_nm: Floats, beads: tuple[int, ...], references: Collection[int]
) -> tuple[Floats, int]:
    """Return places less the common motion of the references, and what is to be said of them."""
    if not references or not len(place_nm):
        return place_nm, 0
    columns = [beads.index(bead) for bead in references if bead in beads]
    seen = [n for n in columns if np.isfinite(place_nm[:, n]).any()]
    try:
        cleaned = subtract_drift(place_nm, np.array(seen, dtype=np.int64))
    except BadInputError:
        return place_nm, int(LiveWarning.NO_REFERENCE)
    without = ~np.isfinite(cleaned[:, seen]).any(axis=1)
    if without.mean() > _FEW_GAPS:
        return place_nm, int(LiveWarning.NO_REFERENCE)
    return cleaned, 0


def _judged(row: NDArray[Any], place_nm: Floats, interval_s: float) -> Floats | None:
    """Return the longest stretch of a trace, gaps filled and a line taken away; None of a lost bead."""
    good = np.isfinite(place_nm)
    first, end = longest_stretch(good)
    trace, good = place_nm[first:end], good[first:end]
    row["samples"] = int(good.sum())
    row["window_s"] = (len(trace) - 1) * interval_s if len(trace) > 1 else 0.0
    recent = np.isfinite(place_nm[-max(1, len(place_nm) // 5) :])
    missing = 1.0 - float(good.mean()) if len(good) else 1.0
    if missing > _MOST_FILLED or float(recent.mean()) < 0.5:
        row["warnings"] |= np.uint32(LiveWarning.LOST)
        return None
    came = int(np.isfinite(place_nm).argmax())
    if missing > _FEW_GAPS or len(trace) < (1 - _FEW_GAPS) * (len(place_nm) - came):
        row["warnings"] |= np.uint32(LiveWarning.GAPS)
    if len(trace) < FEWEST_SAMPLES:
        row["warnings"] |= np.uint32(LiveWarning.FEW_SAMPLES)
        return None
    at = np.arange(len(trace), dtype=np.float64)
    filled = np.interp(at, at[good], trace[good])
    at -= at.mean()
    filled -= filled.mean()
    return np.asarray(filled - at * float((at @ filled) / (at @ at)))


def longest_stretch(good: NDArray[np.bool_]) -> tuple[int, int]:
    """Return first and end of the longest stretch of samples in which no more than two in a row are missing.

    Examples
    --------
    >>> longest_stretch(np.array([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0], bool))
    (5, 11)
    >>> longest_stretch(np.zeros(3, bool))
    (0, 0)
    """
    at = np.flatnonzero(good)
    if not at.size:
        return 0, 0
    breaks = np.flatnonzero(np.diff(at) > _IN_A_ROW + 1) + 1
    firsts = at[np.concatenate([[0], breaks])]
    lasts = at[np.concatenate([breaks - 1, [at.size - 1]])]
    longest = int(np.argmax(lasts - firsts))
    return int(firsts[longest]), int(lasts[longest]) + 1


def _fit(
    rows: NDArray[Any],
    group: list[tuple[int, Floats, float]],
    traces: Traces,
    scale: CameraScale,
    physics: TetherPhysics,
    anchors: Mapping[int, Anchor],
) -> None:
    """Fit beads whose traces are of one length, and write what was found into their rows."""
    together = np.stack([trace for _, trace, _ in group])
    errors = np.array([error for _, _, error in group])
    exposure_s = min(scale.exposure_s, traces.interval_s)
    arguments = (together, traces.interval_s, exposure_s, errors, physics.temperature_k)
    spectra, variances = fit_power_spectra(*arguments), fit_allan_variances(*arguments)
    numbers = [number for number, _, _ in group]
    measured = np.array([_measured(traces, int(rows["bead"][n]), anchors, physics.z_sign) for n in numbers])
    for name, fits in (("allan", variances), ("spectrum", spectra)):
        found = _forces(fits, measured, physics)
        columns = (f"{name}_pn", f"{name}_sigma_pn", "extension_nm", "extension_sigma_nm")
        for column, values in zip(columns, found, strict=True):
            rows[column][numbers] = values
    for n, spectrum in zip(numbers, spectra, strict=True):
        row = rows[n]
        row["stiffness_pn_per_nm"], row["corner_hz"] = spectrum.stiffness_pn_per_nm, spectrum.corner_hz
        row["warnings"] |= _doubts(spectrum, float(row["window_s"]), traces.interval_s, exposure_s)
        if not np.isfinite(row["spectrum_pn"]):
            row["warnings"] |= LiveWarning.NO_EXTENSION


def _doubts(fit: Stiffness, window_s: float, interval_s: float, exposure_s: float) -> int:
    relaxation_s = 1 / (2 * np.pi * fit.corner_hz)
    found = 0
    if window_s < _RELAXATIONS * relaxation_s:
        found |= LiveWarning.FEW_SAMPLES
    if exposure_s > _BLURRED * relaxation_s:
        found |= LiveWarning.BLURRED
    if fit.corner_hz * interval_s > _TOO_STIFF:
        found |= LiveWarning.TOO_STIFF
    return int(found)


def _measured(traces: Traces, bead: int, anchors: Mapping[int, Anchor], z_sign: int) -> tuple[float, float]:
    """Return the extension of a tether whose anchor is known, and its standard deviation; else NaN."""
    z_nm, anchor = traces.z_nm[:, traces.beads.index(bead)], anchors.get(bead)
    good = z_nm[np.isfinite(z_nm)]
    if anchor is None or good.size < FEWEST_SAMPLES:
        return np.nan, np.nan
    nm = z_sign * (float(good.mean()) - anchor.z_nm)
    if not nm > 0:
        return np.nan, np.nan
    return nm, float(np.hypot(good.std() / np.sqrt(good.size), anchor.sigma_nm))


def _forces(
    fits: list[Stiffness], measured: Floats, physics: TetherPhysics
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return forces, their standard deviations, and the extensions with their own; NaN without an extension.

    Those of beads whose extension (n, 2) was not measured are of the chain that has it at that force.
    """
    stiffness = np.array([fit.stiffness_pn_per_nm for fit in fits])
    relative = np.array([fit.stiffness_error for fit in fits])
    long, long_sigma = measured.T
    force = stiffness * (long + physics.radius_nm)
    sigma = np.hypot(force * relative, stiffness * long_sigma)
    unknown = ~np.isfinite(long)
    if not physics.contour_nm or not unknown.any():
        return force, sigma, long, long_sigma
    by_chain, extension = solved(stiffness, physics)
    longer_pn, longer_nm = solved(stiffness, physics, physics.contour_nm + physics.contour_sigma_nm)
    stiffer_pn, _ = solved(stiffness * (1 + np.where(np.isfinite(relative), relative, 0.0)), physics)
    chain_sigma = np.hypot(stiffer_pn - by_chain, longer_pn - by_chain)
    chain_sigma[~np.isfinite(relative)] = np.inf
    return (
        np.where(unknown, by_chain, force),
        np.where(unknown, chain_sigma, sigma),
        np.where(unknown, extension, long),
        np.where(unknown, longer_nm - extension, long_sigma),
    )


def _median(values: Floats) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if good.size else 0.0
