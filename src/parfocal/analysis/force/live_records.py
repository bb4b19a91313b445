"""What is told of live forces and of extensions: rows of streams, and the results of commands."""

from __future__ import annotations

import math
from enum import IntFlag
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from parfocal.tracking.wlc import WormLikeChain


class LiveWarning(IntFlag):
    """Why a live force should not be trusted; 0 is a good one.

    Examples
    --------
    >>> LiveWarning(36).texts()
    ('the bead is lost, or too many frames are', 'the bead moves no more than its localisation: is it stuck?')
    """

    FEW_SAMPLES = 1
    """Less than 64 samples, for which there is no force, or than 50 relaxation times."""
    GAPS = 2
    """Rows are missing, or flagged, as of frames that were lost: the longest stretch without a gap counts."""
    LOST = 4
    """Most of the last rows, or a tenth of the best stretch, is missing or flagged: there is no force."""
    BLURRED = 8
    """An exposure lasts more than two relaxation times: less than a third of the variance is seen."""
    TOO_STIFF = 16
    """The corner lies above 0.4 of the camera's rate: the data hardly tell the stiffness."""
    STILL = 32
    """The bead moves no more than its localisation does, as one that is stuck: there is no force."""
    NO_EXTENSION = 64
    """Neither the surface nor the contour length is known: there is a stiffness, and no force."""
    NO_REFERENCE = 128
    """The reference beads are lost, or of no use: drift was not subtracted."""
    OUTSIDE = 256
    """The magnet stands where its force was not measured, or nothing is known of it."""

    def texts(self) -> tuple[str, ...]:
        """Return them as people read them."""
        return tuple(_TEXTS[warning] for warning in LiveWarning if warning & self)


_TEXTS = {
    LiveWarning.FEW_SAMPLES: "too few samples: the motion was seen for less than 50 relaxation times",
    LiveWarning.GAPS: "rows are missing or flagged: only the longest stretch without a gap counts",
    LiveWarning.LOST: "the bead is lost, or too many frames are",
    LiveWarning.BLURRED: "blurred: the exposure is longer than two relaxation times",
    LiveWarning.TOO_STIFF: "too stiff for the camera's rate: the corner lies above 0.4 of it",
    LiveWarning.STILL: "the bead moves no more than its localisation: is it stuck?",
    LiveWarning.NO_EXTENSION: "no force without an extension: set contour_nm, or the anchor of the bead",
    LiveWarning.NO_REFERENCE: "drift was not subtracted: the reference beads are lost",
    LiveWarning.OUTSIDE: "the magnet's table does not cover where the magnet stands",
}

_NUMBERS = (
    "spectrum_pn",
    "spectrum_sigma_pn",
    "allan_pn",
    "allan_sigma_pn",
    "expected_pn",
    "stiffness_pn_per_nm",
    "extension_nm",
    "extension_sigma_nm",
    "corner_hz",
    "window_s",
)

LIVE_DTYPE = np.dtype(
    [
        ("time_ns", "<i8"),
        ("bead", "<i4"),
        *((name, "<f8") for name in _NUMBERS),
        ("samples", "<i4"),
        ("warnings", "<u4"),
    ]
)
"""A bead at an update: end of the exposure of its newest frame (monotonic ns), then as `LiveForce`; NaN for
what is not known, `warnings` the sum of `LiveWarning`."""


class LiveForce(msgspec.Struct, frozen=True, kw_only=True):
    """The force on a bead, from its motion within a window of time.

    Attributes
    ----------
    bead : int
        Which.
    spectrum_pn, spectrum_sigma_pn, allan_pn, allan_sigma_pn : float
        The force by the power spectrum and by the Allan variance, each with its standard deviation; NaN where
        the warnings say that there is none.
    expected_pn : float
        What the magnet's table says of where the magnet stands; NaN without a table.
    stiffness_pn_per_nm : float
        By the power spectrum.
    extension_nm, extension_sigma_nm : float
        Of the tether.
    corner_hz : float
        Where the spectrum bends.
    window_s : float
        From the first frame to the last one that count.
    samples : int
        How many good rows there were within.
    age_s : float
        How old the newest frame is; NaN if there was none.
    warnings : tuple of str
        Why it should not be trusted; empty for a good one.
    """

    bead: int
    spectrum_pn: float
    spectrum_sigma_pn: float
    allan_pn: float
    allan_sigma_pn: float
    expected_pn: float
    stiffness_pn_per_nm: float
    extension_nm: float
    extension_sigma_nm: float
    corner_hz: float
    window_s: float
    samples: int
    age_s: float
    warnings: tuple[str, ...] = ()


def live_force(row: Any, now_ns: int) -> LiveForce:
    """Return a row (`LIVE_DTYPE`) as people see it at a time.

    Examples
    --------
    >>> row = np.zeros(1, LIVE_DTYPE)[0]
    >>> row["bead"], row["spectrum_pn"], row["warnings"], row["time_ns"] = 3, 1.5, 16, 1
    >>> live_force(row, 2_000_000_000).spectrum_pn, live_force(row, 2_000_000_001).age_s
    (1.5, 2.0)
    """
    numbers = {name: float(row[name]) for name in _NUMBERS}
    return LiveForce(
        bead=int(row["bead"]),
        samples=int(row["samples"]),
        age_s=(now_ns - int(row["time_ns"])) * 1e-9 if row["time_ns"] else math.nan,
        warnings=LiveWarning(int(row["warnings"])).texts(),
        **numbers,
    )


class LiveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How live forces are made.

    Attributes
    ----------
    on : bool
        Whether they are.
    beads : tuple of int
        Of which; of "all", those that there are.
    updates : int
        How often there were new ones.
    took_s : float
        How long the worker needed for the last ones.
    restarts : int
        How often a worker was started in place of one that ended.
    worker_pid : int
        Its process; 0 if none runs.
    problem : str
        What keeps them from being made; "" if nothing does.
    """

    on: bool
    beads: tuple[int, ...]
    updates: int
    took_s: float
    restarts: int
    worker_pid: int
    problem: str = ""


EXTENSION_DTYPE = np.dtype(
    [
        ("time_ns", "<i8"),
        ("bead", "<i4"),
        ("force_pn", "<f8"),
        ("extension_nm", "<f8"),
        ("sigma_nm", "<f8"),
        ("samples", "<i8"),
    ]
)
"""A point of a bead's force-extension curve: its newest row (monotonic ns), mean force by the magnet's table,
mean extension from the anchor (from an unknown zero without one), the standard deviation of that mean, and of
how many rows."""


class ForceExtension(msgspec.Struct, frozen=True, kw_only=True):
    """The force-extension curve of a bead, and the worm-like chain that fits it.

    Attributes
    ----------
    bead : int
        Which.
    forces_pn, extensions_nm, sigmas_nm, samples : tuple
        Its points: mean force by the magnet's table, mean extension, the standard deviation of that mean, and
        how many rows.
    contour_nm, contour_sigma_nm, persistence_nm, persistence_sigma_nm : float
        Of the chain; NaN without a fit. A persistence length with sigma 0 was held fixed.
    offset_nm, offset_sigma_nm : float
        What the extensions lack: 0 where the surface is known.
    chi2 : float
        Of the fit, for each degree of freedom.
    stretch_pn, temperature_k : float
        What the chain was taken to be like.
    reason : str
        Why there is no fit; "" if there is one.
    """

    bead: int
    forces_pn: tuple[float, ...]
    extensions_nm: tuple[float, ...]
    sigmas_nm: tuple[float, ...]
    samples: tuple[int, ...]
    contour_nm: float = math.nan
    contour_sigma_nm: float = math.nan
    persistence_nm: float = math.nan
    persistence_sigma_nm: float = math.nan
    offset_nm: float = math.nan
    offset_sigma_nm: float = math.nan
    chi2: float = math.nan
    stretch_pn: float | None = None
    temperature_k: float = 298.0
    reason: str = ""


def with_chain(curve: ForceExtension, chain: WormLikeChain) -> ForceExtension:
    """Return a curve with the chain that fits it."""
    return msgspec.structs.replace(
        curve,
        contour_nm=chain.contour_nm,
        contour_sigma_nm=chain.contour_error_nm,
        persistence_nm=chain.persistence_nm,
        persistence_sigma_nm=chain.persistence_error_nm,
        offset_nm=chain.offset_nm,
        offset_sigma_nm=chain.offset_error_nm,
        chi2=chain.chi2,
    )
