"""How a camera sees cells that answer to light, and the light of the modulator itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.devices.simulated.microscope.picture import ExposureView, MicroscopeImages, seen_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parfocal.devices.simulated.microscope.cell_images import Colour
    from parfocal.devices.simulated.microscope.patterns import ModulatorPattern
    from parfocal.devices.simulated.optogenetics.projection import Projection
    from parfocal.devices.simulated.optogenetics.sample import OptogeneticsSample
    from parfocal.devices.simulated.optogenetics.settings import OptogeneticsCameraSettings
    from parfocal.devices.simulated.readout import Readout

_NUCLEUS_IN_CYTOPLASM = 0.3
"""How bright the image of a cytoplasm is where the nucleus is."""


class OptogeneticsImages(MicroscopeImages):
    """Draws a marker in the nuclei, a reporter in nuclei and cytoplasm, and the glow where mirrors light.

    Parameters
    ----------
    settings : OptogeneticsCameraSettings
        Of the sensor.
    sample : OptogeneticsSample
        The cells.
    projection : Projection
        How the modulator is seen.
    """

    _settings: OptogeneticsCameraSettings

    def __init__(
        self, settings: OptogeneticsCameraSettings, sample: OptogeneticsSample, projection: Projection
    ) -> None:
        super().__init__(settings, sample)
        self._projection, self._modulated = projection, settings.projection.light
        self._pattern: ModulatorPattern | None = None
        self._lit = np.zeros((settings.height_px, settings.width_px), np.uint8)

    def lit_on_sensor(self, pattern: ModulatorPattern) -> NDArray[np.uint8]:
        """Return which pixels of the sensor a pattern lights, 0 or 1; to be read only."""
        if pattern != self._pattern:
            self._pattern, self._lit = pattern, self._projection.on_sensor(pattern.image())
        return self._lit

    def _seen(self, view: ExposureView) -> dict[str, float]:
        """Return what is seen in the lights that no modulator is before."""
        direct = tuple(level for level in view.levels if level[0] != self._modulated)
        return seen_in(self._settings, view.filter, direct)

    def _background(self, readout: Readout, view: ExposureView, full_e: float) -> NDArray[np.float32]:
        canvas = super()._background(readout, view, full_e)
        through = tuple(level for level in view.levels if level[0] == self._modulated)
        glow_e = seen_in(self._settings, view.filter, through)["background"] * full_e
        if glow_e > 0 and view.pattern is not None and not view.pattern.is_blank:
            rows = slice(readout.y_px, readout.y_px + readout.height_px)
            columns = slice(readout.x_px, readout.x_px + readout.width_px)
            canvas += self.lit_on_sensor(view.pattern)[rows, columns] * np.float32(glow_e)
        return canvas

    def _layers(self, cells: NDArray[Any]) -> Iterator[tuple[Colour, Colour, NDArray[Any]]]:
        yield "nucleus", "nucleus", cells["nucleus"]
        yield "cytoplasm", "cytoplasm", cells["cytoplasm"]
        in_nucleus = cells["reporter_nucleus"] - _NUCLEUS_IN_CYTOPLASM * cells["cytoplasm"]
        yield "nucleus", "cytoplasm", np.maximum(in_nucleus, 0.0)
