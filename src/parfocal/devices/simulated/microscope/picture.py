"""How the simulated microscope's camera sees its sample: in the light that is on, through the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, get_args

import numpy as np

from parfocal.devices.simulated.microscope.cell_images import STEPS, CellImages, Colour
from parfocal.devices.simulated.microscope.cells import CellField
from parfocal.devices.simulated.microscope.noise import FrameNoise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parfocal.devices.simulated.microscope.patterns import ModulatorPattern
    from parfocal.devices.simulated.microscope.settings import MicroscopeCameraSettings
    from parfocal.devices.simulated.readout import Readout

COLOURS: tuple[Colour, ...] = get_args(Colour)


class ExposureView(NamedTuple):
    """What lies before the sensor during an exposure.

    Attributes
    ----------
    x_um, y_um : float
        What of the sample is in the middle of the sensor.
    z_um : float
        Distance from focus.
    filter : str
        In the way of the light; "" while the wheel moves, and no light passes.
    levels : tuple of (str, float)
        How much of each light reached the sample, on average over the exposure.
    pattern : ModulatorPattern or None
        What the modulator showed that is before one of the lights.
    """

    x_um: float
    y_um: float
    z_um: float
    filter: str
    levels: tuple[tuple[str, float], ...]
    pattern: ModulatorPattern | None = None


class Cells(Protocol):
    """The cells of a sample."""

    def within(self, rectangle_um: tuple[float, float, float, float], time_s: float) -> NDArray[Any]:
        """Return the cells in a rectangle (x, y, x, y) at a time, with the columns of `CELL_DTYPE`."""
        ...


class MicroscopeImages:
    """Draws images of cells: 512 x 512 pixels with 100 of them take two milliseconds.

    Parameters
    ----------
    settings : MicroscopeCameraSettings
        Of the sensor.
    cells : Cells
        What is before it.
    """

    def __init__(self, settings: MicroscopeCameraSettings, cells: Cells) -> None:
        s = self._settings = settings
        self._cells = cells
        self._images = CellImages(s.pixel_size_um, s.radius_um)
        self._noise = FrameNoise(
            s.width_px * s.height_px, gain_e_per_adu=s.gain_e_per_adu, offset_adu=s.offset_adu,
            read_noise_e=s.read_noise_e, bits=s.bits, seed=s.seed,
        )  # fmt: skip
        for colour in COLOURS:
            self._images.of(colour, 0.0)

    def draw(
        self,
        out: NDArray[Any],
        readout: Readout,
        view: ExposureView,
        *,
        time_s: float,
        exposure_ms: float,
        noise: int,
    ) -> NDArray[Any]:
        """Draw what a readout of the sensor shows; return the cells in it, and around it as far as they glow.

        Parameters
        ----------
        out : ndarray
            Filled with counts.
        readout : Readout
            Region and binning.
        view : ExposureView
            Place, focus and light.
        time_s : float
            Of the scene.
        exposure_ms : float
            How long.
        noise : int
            The same number makes the same noise.
        """
        seen = self._seen(view)
        full_e = self._settings.light_e_per_ms * exposure_ms
        canvas = self._background(readout, view, full_e)
        cells = self._cells.within(self._rectangle(readout, view), time_s)
        x, y = self.to_sensor(cells, view)
        for colour, seen_as, level in self._layers(cells):
            if seen[seen_as] > 0:
                brightness = (level * (seen[seen_as] * full_e)).astype(np.float32)
                images = self._images.of(colour, view.z_um)
                _add_cells(canvas, images, x - readout.x_px, y - readout.y_px, cells["shape"], brightness)
        if readout.binning == 1:
            self._noise.read_out(canvas, out, noise)
            return cells
        sensor = np.empty(canvas.shape, self._settings.dtype)
        self._noise.read_out(canvas, sensor, noise)
        own = type(readout)(0, 0, readout.width_px, readout.height_px, readout.binning)
        own.read(sensor, out, offset_adu=self._settings.offset_adu, bits=self._settings.bits)
        return cells

    def to_sensor(self, cells: NDArray[Any], view: ExposureView) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return where cells are on the sensor, in its pixels; the centre of pixel (0, 0) is the origin."""
        s = self._settings
        x = (cells["x_um"] - view.x_um) / s.pixel_size_um + (s.width_px - 1) / 2
        y = (cells["y_um"] - view.y_um) / s.pixel_size_um + (s.height_px - 1) / 2
        return x, y

    def _seen(self, view: ExposureView) -> dict[str, float]:
        """Return how strongly each colour, and the background, is seen everywhere."""
        return seen_in(self._settings, view.filter, view.levels)

    def _background(self, readout: Readout, view: ExposureView, full_e: float) -> NDArray[np.float32]:
        """Return an image of electrons without cells."""
        level = self._seen(view)["background"] * full_e
        return np.full((readout.height_px, readout.width_px), level, dtype=np.float32)

    def _layers(self, cells: NDArray[Any]) -> Iterator[tuple[Colour, Colour, NDArray[Any]]]:
        """Yield what is drawn of the cells: which image, seen as which colour, and how bright in each."""
        for colour in COLOURS:
            yield colour, colour, cells[colour]

    def _rectangle(self, readout: Readout, view: ExposureView) -> tuple[float, float, float, float]:
        """Return which part of the sample a readout may show, with a margin as wide as a cell glows."""
        s, reach = self._settings, self._images.reach_um
        x0 = view.x_um + (readout.x_px - s.width_px / 2) * s.pixel_size_um
        y0 = view.y_um + (readout.y_px - s.height_px / 2) * s.pixel_size_um
        x1, y1 = x0 + readout.width_px * s.pixel_size_um, y0 + readout.height_px * s.pixel_size_um
        return x0 - reach, y0 - reach, x1 + reach, y1 + reach


def new_cells(settings: MicroscopeCameraSettings) -> CellField:
    """Return the cells that settings ask for."""
    s = settings
    return CellField(field_um=s.field_um, spacing_um=s.spacing_um, roam_um=s.roam_um, seed=s.seed)


def seen_in(
    settings: MicroscopeCameraSettings, filter_name: str, levels: tuple[tuple[str, float], ...]
) -> dict[str, float]:
    """Return how strongly each colour, and the background, is seen in lights of these levels."""
    seen = dict.fromkeys([*COLOURS, "background"], 0.0)
    for light, level in levels:
        response = settings.responses.get(light, {}).get(filter_name)
        if response is not None and level > 0:
            for what in seen:
                seen[what] += level * getattr(response, what)
    return seen


def _add_cells(
    canvas: NDArray[np.float32],
    images: NDArray[np.float32],
    x_px: NDArray[Any],
    y_px: NDArray[Any],
    shapes: NDArray[Any],
    brightness: NDArray[np.float32],
) -> None:
    """Add an image of each cell to the canvas, in place; parts beyond its edges are left out."""
    height, width = canvas.shape
    size = images.shape[-1]
    fine_x, fine_y = (np.floor((axis + 0.5) * STEPS).astype(np.int64) for axis in (x_px, y_px))
    lefts, columns = fine_x // STEPS - size // 2, fine_x % STEPS
    tops, rows = fine_y // STEPS - size // 2, fine_y % STEPS
    seen = np.flatnonzero((lefts < width) & (lefts > -size) & (tops < height) & (tops > -size))
    table = np.stack([tops, lefts, shapes, rows, columns], axis=1)[seen].tolist()
    for (top, left, shape, row, column), level in zip(table, brightness[seen].tolist(), strict=True):
        image = images[shape, row, column]
        if 0 <= top <= height - size and 0 <= left <= width - size:
            canvas[top : top + size, left : left + size] += image * np.float32(level)
            continue
        y0, y1, x0, x1 = max(top, 0), min(top + size, height), max(left, 0), min(left + size, width)
        canvas[y0:y1, x0:x1] += image[y0 - top : y1 - top, x0 - left : x1 - left] * np.float32(level)
