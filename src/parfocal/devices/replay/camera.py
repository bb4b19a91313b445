"""A camera that plays a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameSpec
from parfocal.devices.exposures import ExposureSchedule
from parfocal.devices.replay.source import Source, open_source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.devices.context import DeviceContext


class ReplaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to play, and how.

    Parameters
    ----------
    path
        A file or folder, see `parfocal.devices.replay.source.open_source`.
    rate
        Frames a second; "own" takes the recording's (25 if it does not tell); "fastest" shows a frame
        whenever one is asked for: readers that block then set the pace, and no frame is lost.
    loop
        Begin again at the end.
    channel
        Which one, where there are several.
    pixel_size_um
        Overrules the recording's.
    """

    path: str
    rate: float | Literal["own", "fastest"] = "own"
    loop: bool = False
    channel: int = 0
    pixel_size_um: float | None = None


class ReplayCamera:
    """A recording as a camera (a `parfocal.core.protocols.Camera`).

    Each `start` plays it from its first image; the sequence ends with the last one. One image is a
    series of one.
    """

    Settings = ReplaySettings

    def __init__(self, settings: ReplaySettings, context: DeviceContext) -> None:
        rate = settings.rate
        if not isinstance(rate, str) and not rate > 0:
            raise BadInputError(f"rate must be positive, 'own' or 'fastest', not {rate}")
        self._settings = settings
        self._context = context
        self._source: Source | None = None
        self._exposures = ExposureSchedule(context.clock, frame_rate_hz=None, exposure_ms=1.0)
        self._first = 0

    @property
    def spec(self) -> FrameSpec:
        """Shape, dtype and pixel size of the recording; the camera must be open."""
        source = self._opened()
        size = self._settings.pixel_size_um or source.pixel_size_um
        return FrameSpec(shape=source.shape, dtype=source.dtype.name, pixel_size_um=size)

    def open(self) -> None:
        """Open the recording."""
        self.close()
        self._source = open_source(Path(self._settings.path), self._settings.channel)
        rate = self._settings.rate
        if rate == "own":
            rate = self._source.frame_rate_hz or 25.0
        pace = None if rate == "fastest" else float(rate)
        exposure = 1.0 if pace is None else min(1.0, 1e3 / pace)
        self._exposures = ExposureSchedule(self._context.clock, frame_rate_hz=pace, exposure_ms=exposure)

    def close(self) -> None:
        """Stop, and close the recording."""
        self._exposures.stop()
        if self._source is not None:
            self._source.close()
        self._source = None

    def make_safe(self) -> None:
        """Stop to play."""
        self._exposures.stop()

    def state(self) -> dict[str, Any]:
        """Return the settings, and the number of images."""
        return {
            "device": "replay camera",
            **msgspec.to_builtins(self._settings),
            "images": None if self._source is None else len(self._source),
            "frame_rate_hz": self._exposures.frame_rate_hz,
            "exposure_ms": self.exposure_ms(),
            "running": self.is_running(),
        }

    def start(self, count: int | None = None) -> None:
        """Play from the first image: `count` frames, or to the end, or, in a loop, until `stop`."""
        source = self._opened()
        if not self._settings.loop:
            count = len(source) if count is None else min(count, len(source))
        self._exposures.start(count)
        self._first = self._exposures.next_frame

    def stop(self) -> None:
        """End the sequence."""
        self._exposures.stop()

    def is_running(self) -> bool:
        """Whether images are still to come."""
        return self._exposures.is_running()

    def exposure_ms(self) -> float:
        """Return what `set_exposure_ms` set; it changes the times of the frames alone."""
        return self._exposures.exposure_ms

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set what the frame headers say."""
        return self._exposures.set_exposure_ms(exposure_ms)

    def frame_rate_hz(self) -> float:
        """Return the frame rate; infinite if it plays as fast as it is read."""
        return self._exposures.frame_rate_hz or float("inf")

    def set_frame_rate_hz(self, frame_rate_hz: float) -> float:
        """Set the frame rate; infinite plays as fast as it is read."""
        endless = frame_rate_hz == float("inf")
        return self._exposures.set_frame_rate_hz(None if endless else frame_rate_hz) or float("inf")

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Fill `out` with the next image when it is due."""
        source = self._opened()
        if out.shape != source.shape or out.dtype != source.dtype:
            raise BadInputError(f"out must be {source.dtype} {source.shape}, not {out.dtype} {out.shape}")
        exposure = self._exposures.begin(timeout_s)
        if exposure is None:
            return None
        source.read_into((exposure.frame - self._first) % len(source), np.asarray(out))
        return self._exposures.end(exposure)

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen: late, lost, error, freeze, thaw or hang; see `parfocal.devices.exposures`."""
        self._exposures.faults.inject(kind, details)

    def _opened(self) -> Source:
        if self._source is None:
            raise DeviceError("the replay camera is closed; open it first")
        return self._source
