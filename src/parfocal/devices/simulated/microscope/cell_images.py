"""Images of a cell by colour, shape, place within a pixel and defocus; made when first needed, and kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

import numpy as np

from parfocal.devices.simulated.microscope.cells import SHAPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour = Literal["nucleus", "cytoplasm"]

STEPS = 4
"""Places of a cell within a pixel along each axis: it is drawn within an eighth of a pixel of where it is."""
_BLUR_STEP_UM = 0.25
_LARGEST_BLUR_UM = 6.0
_BLUR_PER_UM = 0.15
_SETS_KEPT = 12
REACH = {"nucleus": 1.0, "cytoplasm": 2.0}
"""How far a cell reaches in each colour, in radii of its nucleus."""
_STRETCH = 1.25
_EDGE_UM = 0.5


class CellImages:
    """The images of a cell of brightness 1.

    Parameters
    ----------
    pixel_size_um : float
        Edge of a pixel.
    radius_um : float
        Of a nucleus; the cytoplasm reaches twice as far.
    """

    def __init__(self, pixel_size_um: float, radius_um: float) -> None:
        self._pixel_um, self._radius_um = pixel_size_um, radius_um
        self._sets: OrderedDict[tuple[Colour, int], NDArray[np.float32]] = OrderedDict()

    @property
    def reach_um(self) -> float:
        """How far from its centre a cell is seen, however blurred."""
        return self._reach_um("cytoplasm", _LARGEST_BLUR_UM)

    def of(self, colour: Colour, defocus_um: float) -> NDArray[np.float32]:
        """Return images (shape, y step, x step, y, x), centred, at a distance from focus."""
        blur_um = min(abs(defocus_um) * _BLUR_PER_UM, _LARGEST_BLUR_UM)
        key = (colour, round(blur_um / _BLUR_STEP_UM))
        if key not in self._sets:
            self._sets[key] = self._draw(colour, key[1] * _BLUR_STEP_UM)
            while len(self._sets) > _SETS_KEPT:
                self._sets.popitem(last=False)
        self._sets.move_to_end(key)
        return self._sets[key]

    def _draw(self, colour: Colour, blur_um: float) -> NDArray[np.float32]:
        """Draw all images of one blur: sharp ones, then blurred and shifted by their Fourier transforms."""
        half = int(np.ceil(self._reach_um(colour, blur_um) / self._pixel_um)) + 1
        axis = np.arange(-half, half + 1, dtype=np.float64) * self._pixel_um
        sharp = np.stack([self._sharp(colour, axis, shape) for shape in range(SHAPES)])
        frequency = np.fft.fftfreq(axis.size)
        blur = np.exp(-2 * (np.pi * frequency * blur_um / self._pixel_um) ** 2)
        shifts = (np.arange(STEPS) - (STEPS - 1) / 2) / STEPS
        moved = blur * np.exp(-2j * np.pi * shifts[:, None] * frequency)
        spectrum = np.fft.fft2(sharp)
        images = np.empty((SHAPES, STEPS, STEPS, axis.size, axis.size), np.float32)
        for row in range(STEPS):
            for column in range(STEPS):
                moving = moved[row][:, None] * moved[column]
                images[:, row, column] = np.fft.ifft2(spectrum * moving).real
        return np.maximum(images, 0.0, out=images)

    def _sharp(self, colour: Colour, axis_um: NDArray[np.float64], shape: int) -> NDArray[np.float64]:
        """Return one cell in focus: a bright ellipse, or a larger one with a dark nucleus."""
        angle = np.pi * shape / SHAPES
        along = axis_um * np.cos(angle) + axis_um[:, None] * np.sin(angle)
        across = axis_um[:, None] * np.cos(angle) - axis_um * np.sin(angle)
        stretch = 1.0 + (_STRETCH - 1.0) * (shape % 4) / 3
        distance = np.hypot(along / stretch, across * stretch)
        nucleus = _disc(distance, self._radius_um)
        if colour == "nucleus":
            return nucleus
        return _disc(distance, self._radius_um * REACH[colour]) * (1.0 - 0.7 * nucleus)

    def _reach_um(self, colour: Colour, blur_um: float) -> float:
        return self._radius_um * REACH[colour] * _STRETCH + 4 * _EDGE_UM + 3 * blur_um


def _disc(distance_um: NDArray[np.float64], radius_um: float) -> NDArray[np.float64]:
    """Return 1 within a radius and 0 beyond, with a soft edge."""
    return np.asarray(1.0 / (1.0 + np.exp((distance_um - radius_um) / (_EDGE_UM / 2))))
