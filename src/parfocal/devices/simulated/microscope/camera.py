"""The camera of the simulated microscope."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import DeviceError
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.devices.exposures import ExposureSchedule
from parfocal.devices.simulated.exposing import ExposingCamera
from parfocal.devices.simulated.microscope.filters import THING as FILTER
from parfocal.devices.simulated.microscope.filters import filter_at
from parfocal.devices.simulated.microscope.picture import ExposureView, MicroscopeImages, new_cells
from parfocal.devices.simulated.microscope.sample import WorldLight, shared_sample
from parfocal.devices.simulated.microscope.settings import MicroscopeCameraSettings
from parfocal.devices.simulated.microscope.truth import CELL_TRUTH_DTYPE, CellTruth
from parfocal.devices.simulated.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.devices.context import DeviceContext
    from parfocal.devices.exposures import Exposure
    from parfocal.devices.simulated.microscope.shared_state import SharedState

_WITHOUT_EVENT = 1 << 62
"""Noise of frames that are for no event: told apart from any event's by their number and this."""


class EventTime(NamedTuple):
    """Which event a frame is for, -1 for none, and its run time, if it has one."""

    event: int = -1
    run_time_s: float | None = None


class MicroscopeCamera(ExposingCamera):
    """A camera over a field of moving cells (a `parfocal.core.protocols.Camera` that `TakesEvents`).

    It shows what the lights of the `SimulatedWorld` that reach the sample during the exposure excite, through
    the filter that is in the way, at the place and the focus where the stages stand; without light it is
    dark. Told of an event, the cells are where they are at its run time, and the noise is that of the event:
    a run that was paused has the same images as one that was not. Otherwise the scene follows the clock.

    Without an end, or with a count, one exposure follows the other.

    Parameters
    ----------
    settings : MicroscopeCameraSettings
        Sensor and sample.
    context : DeviceContext
        Clock and folder of the rig.
    """

    Settings = MicroscopeCameraSettings

    def __init__(self, settings: MicroscopeCameraSettings, context: DeviceContext) -> None:
        self._settings, self._context = settings, context
        super().__init__(settings, self._new_schedule())
        self._sample: SharedState[WorldLight] | None = None

    @property
    def truth_dtype(self) -> np.dtype[Any]:
        """Columns of the truth."""
        return CELL_TRUTH_DTYPE

    @property
    def spec(self) -> FrameSpec:
        """Shape, dtype and pixel size, with the present binning and region, and what the counts mean."""
        s, binning = self._settings, self._readout.binning
        return FrameSpec(
            shape=self._readout.shape,
            dtype=s.dtype,
            pixel_size_um=s.pixel_size_um * binning,
            sensor=Sensor(
                gain_e_per_adu=s.gain_e_per_adu,
                offset_adu=s.offset_adu,
                read_noise_e=s.read_noise_e * binning,
                bit_depth=s.bits,
            ),
        )

    def open(self) -> None:
        """Find the sample's light and the stages, and draw the images of a cell."""
        if self._context.folder is None:
            raise DeviceError("the simulated microscope's camera needs a rig with a folder and a world")
        self._world = World.of(self._context)
        self._picture = self._new_images(self._context.folder)
        self._truth = CellTruth(self._settings.truth_frames, self.truth_dtype)
        self._exposures = self._new_schedule()
        self._next_scene, self._scene = EventTime(), EventTime()
        self._sample = shared_sample(self._context.folder, self._settings.world)

    def close(self) -> None:
        """Stop, and let go of the sample."""
        self._exposures.stop()
        self._sample = None

    def state(self) -> dict[str, Any]:
        """Return the settings, and exposure, binning and region as they are now."""
        return {
            "device": "simulated microscope camera",
            **self._settings.model_dump(mode="json"),
            "exposure_ms": self.exposure_ms(),
            "binning": self._readout.binning,
            "region": self.region(),
            "running": self.is_running(),
        }

    def next_event(self, event: int, run_time_s: float | None, index: Mapping[str, int]) -> None:
        """Show the cells of that run time in the next frame, with the noise of that event."""
        del index
        self._next_scene = EventTime(event, run_time_s)

    def start(self, count: int | None = None) -> None:
        """Begin to expose."""
        self._opened()
        self._scene, self._next_scene = self._next_scene, EventTime()
        self._exposures.start(count)

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Draw the next frame into `out` while it is exposed; return its header when it could be read."""
        self._opened()
        self._check_out(out)
        exposure = self._exposures.begin(timeout_s)
        if exposure is None:
            return None
        before = self._seen()
        view = self._view(exposure)
        self._draw(out, exposure, view)
        take_effect = self._effect(exposure, view)
        header = self._exposures.end(exposure)
        if header is not None:
            if self._is_changed(before) and (seen := self._view(exposure)) != view:
                self._draw(out, exposure, seen)
                take_effect = self._effect(exposure, seen)
            take_effect()
            self._scene = EventTime()
        return header

    def ground_truth(self, frame: int) -> NDArray[Any]:
        """Return the cells that frame number `frame` shows (`CELL_TRUTH_DTYPE`)."""
        self._opened()
        return self._truth.of(frame)

    def _draw(self, out: NDArray[Any], exposure: Exposure, view: ExposureView) -> None:
        time_s, event = self._scene_time_s(exposure), self._scene.event
        focus_um = self._settings.focus_at(view.x_um, view.y_um, time_s)
        view = view._replace(z_um=view.z_um - focus_um)
        cells = self._picture.draw(
            out,
            self._readout,
            view,
            time_s=time_s,
            exposure_ms=(exposure.end_ns - exposure.start_ns) * 1e-6,
            noise=event if event >= 0 else _WITHOUT_EVENT + exposure.frame,
        )
        self._keep_truth(exposure, view, cells)

    def _keep_truth(self, exposure: Exposure, view: ExposureView, cells: NDArray[Any]) -> None:
        x, y = self._readout.to_frame(*self._picture.to_sensor(cells, view))
        time_s, event = self._scene_time_s(exposure), self._scene.event
        focus_um = self._settings.focus_at(view.x_um, view.y_um, time_s)
        self._truth.keep(exposure.frame, event, time_s, focus_um, cells, x, y, self._readout.shape)

    def _effect(self, exposure: Exposure, view: ExposureView) -> Callable[[], None]:
        """Return what lets the light of an exposure act on the sample: on this one it does nothing."""
        del exposure, view
        return lambda: None

    def _new_images(self, folder: Path) -> MicroscopeImages:
        """Return what draws the images; `folder` has what is shared with the rig's other processes."""
        del folder
        return MicroscopeImages(self._settings, new_cells(self._settings))

    def _scene_time_s(self, exposure: Exposure) -> float:
        """Return the run time of the event; without one, the seconds since the world began."""
        if self._scene.run_time_s is not None:
            return self._scene.run_time_s
        lit = self._opened().read()
        return (exposure.start_ns - (lit.began_ns if lit else 0)) * 1e-9

    def _view(self, exposure: Exposure) -> ExposureView:
        """Return what lies before the sensor during an exposure, as far as it is known now."""
        start_ns, end_ns, at = exposure.start_ns, exposure.end_ns, self._world.position
        lit = self._opened().read()
        lights = lit.lights if lit else {}
        return ExposureView(
            x_um=at("x_um", start_ns),
            y_um=at("y_um", start_ns),
            z_um=at("z_um", start_ns),
            filter=filter_at(self._settings.filters, at(FILTER, start_ns)),
            levels=tuple((name, light.mean_level(start_ns, end_ns)) for name, light in lights.items()),
        )

    def _seen(self) -> tuple[object, ...]:
        """Return what a view is made of: each one is the same object until it is changed."""
        return self._opened().read(), *(self._world.moves(name) for name in ("x_um", "y_um", "z_um", FILTER))

    def _is_changed(self, before: tuple[object, ...]) -> bool:
        """Whether something was changed since `_seen`: a frame is waited for, and a view takes longer."""
        return not all(map(is_, before, self._seen()))

    def _opened(self) -> SharedState[WorldLight]:
        if self._sample is None:
            raise DeviceError("the simulated microscope's camera is closed; open it first")
        return self._sample

    def _new_schedule(self) -> ExposureSchedule:
        return ExposureSchedule(
            self._context.clock,
            frame_rate_hz=None,
            exposure_ms=self._settings.exposure_ms,
            instant=False,
            readout_ms=self._settings.readout_ms,
        )
