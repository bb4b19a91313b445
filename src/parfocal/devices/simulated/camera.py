"""A camera over a simulated tweezers microscope: beads with rings, noise, faults, and the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.devices.exposures import FRAME_RATE_HZ, ExposureSchedule
from parfocal.devices.simulated.beads import BeadField, scatter, tethers_of
from parfocal.devices.simulated.exposing import ExposingCamera
from parfocal.devices.simulated.forces import magnet_force_pn
from parfocal.devices.simulated.light import FULL
from parfocal.devices.simulated.motors import SimulatedFocus, SimulatedMagnet
from parfocal.devices.simulated.settings import SimulatedCameraSettings
from parfocal.devices.simulated.truth import TRUTH_DTYPE, Truth
from parfocal.devices.simulated.world import World
from parfocal.ipc import command

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.devices.context import DeviceContext
    from parfocal.devices.exposures import Exposure


class SimulatedCamera(ExposingCamera):
    """A bright-field camera over stuck and tethered beads (a `parfocal.core.protocols.Camera`).

    The focus, the magnet and the lamp of the same `World` act on its frames: they are looked at when an
    exposure begins, and the frame is drawn while it lasts. The same seed makes the same frames.

    Parameters
    ----------
    settings : SimulatedCameraSettings
        The sensor and what lies before it.
    context : DeviceContext
        Clock and world.

    Notes
    -----
    Images are those of `parfocal.tracking.simulation`, the same for each bead, at its mean position over the
    exposure: motion makes its place less scattered, as in a real camera, and its rings not less sharp.
    """

    Settings = SimulatedCameraSettings

    def __init__(self, settings: SimulatedCameraSettings, context: DeviceContext) -> None:
        self._settings, self._context = settings, context
        super().__init__(settings, self._new_schedule())
        self._world: World | None = None

    @property
    def truth_dtype(self) -> np.dtype[Any]:
        """Columns of the truth."""
        return TRUTH_DTYPE

    @property
    def spec(self) -> FrameSpec:
        """Shape, dtype and pixel size, with the present binning and region, and what the counts mean."""
        s, binning = self._settings, self._readout.binning
        return FrameSpec(
            shape=self._readout.shape,
            dtype=s.dtype,
            pixel_size_um=s.pixel_size_um * binning,
            sensor=Sensor(
                gain_e_per_adu=s.gain,
                offset_adu=s.offset_adu,
                read_noise_e=s.read_noise_e * binning,
                bit_depth=s.bits,
            ),
        )

    def open(self) -> None:
        """Lay out the field and draw the images of a bead."""
        from parfocal.devices.simulated.picture import Picture  # compiled code: looked at where it runs alone

        s = self._settings
        rng = np.random.default_rng([s.seed, 1])
        self._anchors = scatter(
            s.beads, s.width_px, s.height_px, rng,
            margin_px=min(s.image_px / 2, s.width_px / 4, s.height_px / 4), spacing_px=s.spacing_px,
        )  # fmt: skip
        self._tethers = tethers_of(s, rng)
        self._field = BeadField(self._tethers, s.bead_radius_nm, s.seed)
        self._picture = Picture(s, rng)
        self._truth = Truth(s.truth_frames, s.beads)
        self._sensor = np.zeros((s.height_px, s.width_px), s.dtype)
        self._whole = self._new_readout(None, 1)
        self._exposures = self._new_schedule()
        self._seen = 0
        self._sample = np.zeros(3)
        self._drift = np.asarray(s.drift_nm_per_s)
        self._moved = np.zeros((s.beads, 3))
        self._world = World.of(self._context)

    def close(self) -> None:
        """Stop, and forget the field."""
        self._exposures.stop()
        self._world = None

    def state(self) -> dict[str, Any]:
        """Return the settings, and rate and exposure as they are now."""
        return {
            "device": "simulated camera",
            **self._settings.model_dump(mode="json"),
            "gain_e_per_adu": self._settings.gain,
            "frame_rate_hz": self.frame_rate_hz(),
            "exposure_ms": self.exposure_ms(),
            "binning": self._readout.binning,
            "running": self.is_running(),
        }

    def start(self, count: int | None = None) -> None:
        """Begin to expose."""
        self._opened()
        self._exposures.start(count)

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the least and the greatest exposure and frame rate."""
        return {**super().limits(), "frame_rate_hz": FRAME_RATE_HZ}

    def frame_rate_hz(self) -> float:
        """Return the frame rate."""
        return self._exposures.frame_rate_hz or 0.0

    def set_frame_rate_hz(self, frame_rate_hz: float) -> float:
        """Set the frame rate; the exposure is cut to the period."""
        return self._exposures.set_frame_rate_hz(frame_rate_hz) or 0.0

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Draw the next frame into `out` while it is exposed; return its header when it could be read."""
        world = self._opened()
        self._check_out(out)
        exposure = self._exposures.begin(timeout_s)
        if exposure is None:
            return None
        self._draw(out, exposure, world)
        return self._exposures.end(exposure)

    @command(effect="changes")
    def set_drift(self, x_nm_per_s: float = 0.0, y_nm_per_s: float = 0.0, z_nm_per_s: float = 0.0) -> None:
        """Have the whole sample drift from now on, along x, y and height; the truth of frames holds it."""
        self._drift = _finite(x_nm_per_s, y_nm_per_s, z_nm_per_s)

    @command(effect="changes")
    def shift_sample(self, x_nm: float = 0.0, y_nm: float = 0.0, z_nm: float = 0.0) -> None:
        """Move the whole sample at once, as a knock at the table does; as `set_drift`."""
        self._sample = self._sample + _finite(x_nm, y_nm, z_nm)

    @command(effect="reads")
    def bead_kinds(self) -> list[str]:
        """Return what each bead of the truth is: "good", "stuck", "double tether", or "lost" in the end."""
        self._opened()
        return self._tethers.kinds()

    def ground_truth(self, frame: int) -> NDArray[Any]:
        """Return what frame number `frame` shows (`TRUTH_DTYPE`), one row for each bead."""
        self._opened()
        return self._truth.of(frame)

    def _draw(self, out: NDArray[Any], exposure: Exposure, world: World) -> None:
        s, now = self._settings, exposure.start_ns
        x, y, z = self._positions(exposure, world)
        self._truth.keep(exposure.frame, exposure.end_ns, *self._readout.to_frame(x, y), z)
        x, y, z = (each[np.isfinite(z)] for each in (x, y, z))  # others are gone
        level_e = s.light_e_per_ms * self.exposure_ms() * world.position("light", now, FULL)
        if self._readout == self._whole:
            self._picture.draw(out, x, y, z, level_e, exposure.frame)
            return
        self._picture.draw(self._sensor, x, y, z, level_e, exposure.frame)
        self._readout.read(self._sensor, out, offset_adu=s.offset_adu, bits=s.bits)

    def _positions(self, exposure: Exposure, world: World) -> tuple[NDArray[np.float64], ...]:
        """Move the beads on to this exposure; a frame that was lost moved them too."""
        s, period = self._settings, 1.0 / self.frame_rate_hz()
        exposure_s = min(self.exposure_ms() * 1e-3, period)
        force = magnet_force_pn(
            world.position(SimulatedMagnet.THING, exposure.start_ns, SimulatedMagnet.HOME_NM)
        )
        for frame in range(self._seen, exposure.frame + 1):  # none if the frame was begun before, and aborted
            self._moved = self._field.advance(frame, period, force, exposure_s)
            self._sample = self._sample + self._drift * period
        self._seen = exposure.frame + 1
        moved = self._moved + self._sample
        nm = s.pixel_size_um * 1e3
        focus = world.position(SimulatedFocus.THING, exposure.start_ns, SimulatedFocus.HOME_NM)
        return (
            self._anchors[:, 0] + moved[:, 0] / nm,
            self._anchors[:, 1] + moved[:, 1] / nm,
            focus + s.defocus_nm - moved[:, 2],
        )

    def _opened(self) -> World:
        if self._world is None:
            raise DeviceError("the simulated camera is closed; open it first")
        return self._world

    def _new_schedule(self) -> ExposureSchedule:
        s = self._settings
        return ExposureSchedule(
            self._context.clock,
            frame_rate_hz=s.frame_rate_hz,
            exposure_ms=s.exposure_ms,
            buffer_frames=s.buffer_frames,
        )


def _finite(*values: float) -> NDArray[np.float64]:
    """Return numbers as an array; `BadInputError` if one of them is none."""
    if not np.isfinite(values).all():
        raise BadInputError(f"a sample moves by finite numbers, not {values}")
    return np.array(values)
