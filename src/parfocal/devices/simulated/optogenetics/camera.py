"""The camera of the optogenetics microscope: what it lights changes the cells that it sees."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.modulation import pack_mask
from parfocal.devices.simulated.microscope.camera import MicroscopeCamera
from parfocal.devices.simulated.microscope.cell_images import REACH
from parfocal.devices.simulated.microscope.patterns import pattern_at, shared_patterns
from parfocal.devices.simulated.microscope.truth import CELL_TRUTH_DTYPE
from parfocal.devices.simulated.optogenetics.images import OptogeneticsImages
from parfocal.devices.simulated.optogenetics.lit_region import LitRegion
from parfocal.devices.simulated.optogenetics.projection import Projection
from parfocal.devices.simulated.optogenetics.sample import SAMPLE_DTYPE, OptogeneticsSample
from parfocal.devices.simulated.optogenetics.settings import OptogeneticsCameraSettings
from parfocal.ipc import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.devices.context import DeviceContext
    from parfocal.devices.exposures import Exposure
    from parfocal.devices.simulated.microscope.patterns import ModulatorPattern
    from parfocal.devices.simulated.microscope.picture import ExposureView

_ADDED = ("parent", "reporter_nucleus", "reporter", "activity", "dose", "lit")
TRUTH_DTYPE = np.dtype([*CELL_TRUTH_DTYPE.descr, *((name, SAMPLE_DTYPE[name].str) for name in _ADDED)])
"""A cell in a frame: `CELL_TRUTH_DTYPE`, the cell it came of (-1: none), its reporter in nucleus, and over it
in the cytoplasm, its activity, the dose of light so far (power times milliseconds), and which part is lit."""


class OptogeneticsCamera(MicroscopeCamera):
    """A camera over living cells, and a modulator before one of the lights.

    The light of an exposure falls on the cells at the run time of its event, with the power, the length and
    the pattern that it had: the same events make the same cells. Light that stays on outside exposures falls
    on those in view, by the clock. What it has done to them outlives this process.
    """

    Settings = OptogeneticsCameraSettings
    _settings: OptogeneticsCameraSettings
    _picture: OptogeneticsImages

    def __init__(self, settings: OptogeneticsCameraSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._lit: OrderedDict[int, LitRegion] = OrderedDict()
        self._counted_ns = 0

    @property
    def truth_dtype(self) -> np.dtype[Any]:
        """Columns of the truth."""
        return TRUTH_DTYPE

    def open(self) -> None:
        """Find lights, modulator and stages."""
        super().open()
        self._counted_ns = self._context.clock.monotonic_ns()

    @command(effect="reads")
    def lit_region(self, event: int) -> LitRegion:
        """Return what was really lit of the sample through the modulator in the frame of an event.

        Those of the last `truth_frames` are remembered.
        """
        if event not in self._lit:
            known = f"those of events {', '.join(map(str, self._lit))}" if self._lit else "none yet"
            raise BadInputError(f"no lit region of event {event} is remembered: {known}")
        return self._lit[event]

    def _new_images(self, folder: Path) -> OptogeneticsImages:
        s = self._settings
        self._patterns = shared_patterns(folder, s.world)
        shape = self._last_patterns()[-1].shape
        self._projection = Projection(s.projection, (s.height_px, s.width_px), shape)
        self._cells = OptogeneticsSample(s, folder / f"{s.world}.cells")
        return OptogeneticsImages(s, self._cells, self._projection)

    def _last_patterns(self) -> tuple[ModulatorPattern, ...]:
        shown, name = self._patterns.read() or {}, self._settings.projection.modulator
        if name not in shown:
            raise DeviceError(
                f"the simulated world {self._settings.world!r} has no modulator {name!r}: its settings name "
                "those that there are"
            )
        return shown[name]

    def _seen(self) -> tuple[object, ...]:
        return *super()._seen(), self._patterns.read()

    def _view(self, exposure: Exposure) -> ExposureView:
        view = super()._view(exposure)
        levels = tuple(
            (name, 0.0 if name in self._settings.blocked else level) for name, level in view.levels
        )
        return view._replace(levels=levels, pattern=pattern_at(self._last_patterns(), exposure.end_ns))

    def _draw(self, out: NDArray[Any], exposure: Exposure, view: ExposureView) -> None:
        self._cells.begin(self._scene_time_s(exposure))
        super()._draw(out, exposure, view)

    def _keep_truth(self, exposure: Exposure, view: ExposureView, cells: NDArray[Any]) -> None:
        """Note which part of each cell is lit, and keep the cells until the light has fallen on them."""
        self._towards = np.zeros((2, cells.size))
        if view.pattern is not None and not view.pattern.is_blank and self._power(view) > 0:
            radius_px = self._settings.radius_um * REACH["cytoplasm"] / self._settings.pixel_size_um
            x, y = self._picture.to_sensor(cells, view)
            cells["lit"], self._towards = self._projection.on_cells(view.pattern.image(), x, y, radius_px)
        self._drawn = cells
        super()._keep_truth(exposure, view, cells)

    def _effect(self, exposure: Exposure, view: ExposureView) -> Callable[[], None]:
        """Return what lets the light of an exposure, and what strayed before it, act on the cells drawn."""
        exposure_ms = (exposure.end_ns - exposure.start_ns) * 1e-6
        power, time_s, cells = self._power(view), self._scene_time_s(exposure), self._drawn
        states = self._cells.exposed(
            cells,
            time_s,
            dose=cells["lit"] * (power * exposure_ms + self._stray_ms(exposure.start_ns, view)),
            towards=self._towards,
            bleach=exposure_ms * sum(level for _, level in view.levels) - exposure_ms * power,
        )

        def take_effect() -> None:
            self._counted_ns = exposure.end_ns
            if power > 0 and view.pattern is not None and not view.pattern.is_blank:
                self._keep_region(exposure_ms, time_s, power, view, view.pattern)
            self._cells.put(cells, states)

        return take_effect

    def _stray_ms(self, start_ns: int, view: ExposureView) -> float:
        """Return the light since the last exposure (power times milliseconds), beyond what does not count."""
        light = self._settings.projection.light
        pattern, sample = view.pattern, self._opened().read()
        if pattern is None or sample is None or light in self._settings.blocked:
            return 0.0
        since_ns = max(self._counted_ns, pattern.since_ns)
        if light not in sample.lights or since_ns >= start_ns:
            return 0.0
        strayed = sample.lights[light].mean_level(since_ns, start_ns) * (start_ns - since_ns) * 1e-6
        return max(0.0, strayed - self._settings.stray_ms)

    def _power(self, view: ExposureView) -> float:
        return dict(view.levels).get(self._settings.projection.light, 0.0)

    def _keep_region(
        self, exposure_ms: float, time_s: float, power: float, view: ExposureView, pattern: ModulatorPattern
    ) -> None:
        lit = self._picture.lit_on_sensor(pattern)
        self._lit[self._scene.event] = LitRegion(
            event=self._scene.event,
            time_s=time_s,
            x_um=view.x_um,
            y_um=view.y_um,
            pixel_size_um=self._settings.pixel_size_um,
            shape=(lit.shape[0], lit.shape[1]),
            lit=pack_mask(lit),
            power=power,
            exposure_ms=exposure_ms,
        )
        self._lit.move_to_end(self._scene.event)
        while len(self._lit) > self._settings.truth_frames:
            self._lit.popitem(last=False)
