"""How a frame of the simulated camera is drawn: beads over an uneven field, then the sensor's noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.devices.simulated.scene import backdrop
from parfocal.tracking.simulation import add_noise, bead_stack, render

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.simulated.settings import SimulatedCameraSettings

_PLANE_NM = 50.0


class Picture:
    """Draws frames. Holds the images of a bead at each height, and the field without beads.

    Parameters
    ----------
    settings : SimulatedCameraSettings
        The sensor and what lies before it.
    rng : Generator
        Lays the dust.
    """

    def __init__(self, settings: SimulatedCameraSettings, rng: np.random.Generator) -> None:
        s = self._settings = settings
        self._lowest_nm = s.defocus_nm - s.depth_nm
        planes = np.arange(self._lowest_nm, s.defocus_nm + s.depth_nm + 1, _PLANE_NM)
        self._stack = bead_stack(s.bead_radius_nm * 1e-3, s.pixel_size_um, planes, s.image_px)
        self._backdrop = backdrop(s.width_px, s.height_px, rng, unevenness=s.unevenness, dust=s.dust)
        self._level, self._lit = 1.0, self._backdrop
        self._canvas = np.empty((s.height_px, s.width_px), np.float32)
        self._warm_up()

    def draw(self, out: NDArray[Any], x_px: Any, y_px: Any, z_nm: Any, level_e: float, frame: int) -> None:
        """Draw beads at `x_px`, `y_px`, seen `z_nm` out of focus, with `level_e` electrons of light."""
        s = self._settings
        self._canvas.fill(1.0)
        render(self._canvas, self._stack, x_px, y_px, (z_nm - self._lowest_nm) / _PLANE_NM)
        if level_e != self._level:
            self._level, self._lit = level_e, self._backdrop * np.float32(level_e)
        np.multiply(self._canvas, self._lit, out=self._canvas)
        add_noise(
            self._canvas, gain_e_per_adu=s.gain, offset_adu=s.offset_adu, read_noise_e=s.read_noise_e,
            seed=(s.seed << 64) | frame, bits=s.bits, out=out,
        )  # fmt: skip

    def _warm_up(self) -> None:
        """Load the compiled code before the first frame needs it."""
        small = np.zeros((8, 8), np.float32)
        render(small, self._stack[:1], [-1e6], [-1e6], [0.0])
        add_noise(small, bits=self._settings.bits)
