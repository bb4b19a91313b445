"""From a mask in the pixels of a camera to the pixels of a modulator, by a table that is made once. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.modulation import ModulatorCalibration


class MaskWarp:
    """Takes for each pixel of a modulator the mask's pixel that is nearest to where its light goes.

    Beyond the edges of the camera image nothing is lit.

    Parameters
    ----------
    calibration : ModulatorCalibration
        Where the camera's pixels lie on the modulator.

    Examples
    --------
    >>> from parfocal.core.modulation import ModulatorCalibration
    >>> shifted = ModulatorCalibration(
    ...     to_modulator=((1.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    ...     camera_shape=(2, 2),
    ...     modulator_shape=(2, 4),
    ...     residual_px=0.0,
    ...     spots=9,
    ...     utc_ns=0,
    ... )
    >>> MaskWarp(shifted).pattern(np.array([[1, 0], [1, 1]], np.uint8)).tolist()
    [[0, 1, 0, 0], [0, 1, 1, 0]]
    """

    def __init__(self, calibration: ModulatorCalibration) -> None:
        self._shape = calibration.camera_shape
        matrix = np.array(calibration.to_modulator)
        height, width = calibration.modulator_shape
        y, x = np.mgrid[:height, :width]
        places = np.linalg.inv(matrix[:, :2]) @ (np.stack([x.ravel(), y.ravel()]) - matrix[:, 2:])
        columns, rows = np.rint(places).astype(np.int64)
        inside = (columns >= 0) & (columns < self._shape[1]) & (rows >= 0) & (rows < self._shape[0])
        beyond = self._shape[0] * self._shape[1]
        table = np.where(inside, rows * self._shape[1] + columns, beyond)
        self._table = table.reshape(height, width)
        self._mask = np.zeros(beyond + 1, np.uint8)  # the last one stands for all that is beyond

    def pattern(self, mask: NDArray[Any]) -> NDArray[np.uint8]:
        """Return what the modulator has to show, 0 or 1.

        Raises
        ------
        BadInputError
            If the mask has another shape than the frames of the calibration.
        """
        if mask.shape != self._shape:
            raise BadInputError(
                f"the modulator is calibrated for images of {self._shape}, and the mask has {mask.shape}: "
                "read the whole sensor without binning, or calibrate again"
            )
        np.copyto(self._mask[:-1], mask.reshape(-1), casting="unsafe")
        return self._mask.take(self._table, mode="clip")
