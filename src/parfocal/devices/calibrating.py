"""The calibration of a modulator: spots are shown one by one, and looked for in images of a camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import DeviceError
from parfocal.core.modulation import ModulatorCalibration
from parfocal.devices.affine_fit import LEAST_PLACES, fit_affine
from parfocal.devices.calibration_spots import find_spot, pattern_centre, spot_pattern, spot_places

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_BACKGROUNDS = 3


def calibrate(
    show: Callable[[NDArray[np.uint8]], None],
    take: Callable[[], NDArray[Any]],
    shape: tuple[int, int],
    *,
    along: int,
    radius_px: float,
    utc_ns: int,
    progress: Callable[[float, str], None],
) -> ModulatorCalibration:
    """Find out where the pixels of a camera lie on a modulator, in the light that is on.

    Parameters
    ----------
    show : callable
        Shows a pattern.
    take : callable
        Returns an image (y, x) that was exposed after the call.
    shape : tuple of int
        (y, x) of the modulator.
    along : int
        Spots along each edge.
    radius_px : float
        Of a spot, in pixels of the modulator.
    utc_ns : int
        The time now.
    progress : callable
        Takes how far it is, 0 to 1, and a text; what it raises ends the calibration.

    Raises
    ------
    DeviceError
        If too few spots are seen, or they do not agree.
    """
    places = spot_places(shape, along)
    show(np.zeros(shape, np.uint8))
    background = np.mean([take() for _ in range(_BACKGROUNDS)], axis=0)
    shown: list[NDArray[np.float64]] = []
    seen: list[NDArray[np.float64]] = []
    for number, place in enumerate(places):
        told = "enough" if len(seen) >= LEAST_PLACES else f"{LEAST_PLACES} are needed"
        progress(number / len(places), f"spot {number + 1} of {len(places)}, {len(seen)} seen ({told})")
        pattern = spot_pattern(shape, place, radius_px)
        show(pattern)
        spot = find_spot(take(), background)
        if spot is not None:
            shown.append(pattern_centre(pattern))
            seen.append(spot)
    if not seen:
        raise DeviceError(
            f"none of {len(places)} spots was seen: is the light strong enough, and does the camera see it?"
        )
    fit = fit_affine(np.array(shown), np.array(seen))
    first, second = fit.inverse().tolist()
    return ModulatorCalibration(
        to_modulator=(tuple(first), tuple(second)),
        camera_shape=(int(background.shape[0]), int(background.shape[1])),
        modulator_shape=shape,
        residual_px=fit.residual,
        spots=int(fit.used.sum()),
        utc_ns=utc_ns,
    )
