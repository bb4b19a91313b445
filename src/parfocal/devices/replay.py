"""A camera that plays a file of images: any that `parfocal.formats` reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, DeviceError, FrameLostError, MovieError
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.devices.exposures import EXPOSURE_MS, ExposureSchedule
from parfocal.formats import Movie, MovieOptions, Unreadable, open_movie

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.devices.context import DeviceContext

_UNSTATED_HZ = 25.0
"""How fast a movie is played at its "own" rate if nobody tells it."""


class ReplaySettings(MovieOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to play, and how; see `parfocal.formats.MovieOptions` for what else may be chosen.

    Parameters
    ----------
    path : str
        A file or folder, see `parfocal.formats.open_movie`.
    sensor : Sensor or None
        What its counts mean; overrules the file's.
    rate : float, "own" or "fastest"
        Frames a second; "own" takes the movie's (25 if nobody tells it); "fastest" shows a frame whenever one
        is asked for: readers that block then set the pace, and no frame is lost.
    loop : bool
        Begin again at the end.
    """

    path: str
    sensor: Sensor | None = None
    rate: float | Literal["own", "fastest"] = "own"
    loop: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.rate, str) and not self.rate > 0:
            raise BadInputError(f"rate must be positive, 'own' or 'fastest', not {self.rate}")


class ReplayCamera:
    """A movie as a camera (a `parfocal.core.protocols.Camera`, and one that `CanResume`).

    Each `start` plays it from its first image; the sequence ends with the last one. One image is a movie of
    one. An image that cannot be read is a lost frame; the next call goes on with the next one. For an event
    of a plan it shows the image at the event's place (it `TakesEvents`): choose ``"all"`` channels, positions
    and planes that the plan goes through.

    Frames carry the movie's own times: at its own rate on this machine's clock; as fast as they are read,
    from 0, one interval before the first image; and 0 for all of them if nobody tells the times. A rate that
    was given here, or set, overrules them, and those for an event have the time at which they are shown.
    """

    Settings = ReplaySettings

    def __init__(self, settings: ReplaySettings, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context
        self._movie: Movie | None = None
        self._schedule = ExposureSchedule(context.clock, frame_rate_hz=None, exposure_ms=1.0)
        self._unreadable = Unreadable()
        self._own_times = False
        self._first = 0
        self._begin = 0
        self._event_image: int | None = None
        self._for_event = False
        self._start_ns = 0

    @property
    def spec(self) -> FrameSpec:
        """Shape, dtype and pixel size of the movie; the camera must be open."""
        movie = self._opened()
        return FrameSpec(
            shape=movie.shape,
            dtype=movie.dtype.name,
            pixel_size_um=movie.facts.pixel_size_um,
            sensor=self._settings.sensor or movie.facts.sensor,
        )

    def open(self) -> None:
        """Open the movie."""
        self.close()
        try:
            self._movie = open_movie(Path(self._settings.path), self._settings)
        except MovieError as error:
            raise DeviceError(f"cannot replay a movie: {error}; its setting options.path names it") from error
        self._unreadable = Unreadable()
        rate = self._settings.rate
        self._own_times = isinstance(rate, str)
        if rate == "own":
            rate = self._movie.facts.frame_rate_hz or _UNSTATED_HZ
            self._own_times = self._movie.times_s is not None
        pace = None if rate == "fastest" else float(rate)
        exposure = 1.0 if pace is None else min(1.0, 1e3 / pace)
        self._schedule = ExposureSchedule(self._context.clock, frame_rate_hz=pace, exposure_ms=exposure)

    def close(self) -> None:
        """Stop, and close the movie."""
        self._schedule.stop()
        if self._movie is not None:
            self._movie.close()
        self._movie = None

    def make_safe(self) -> None:
        """Stop to play."""
        self._schedule.stop()

    def state(self) -> dict[str, Any]:
        """Return the settings, and what is known of the movie."""
        return {
            "device": "replay camera",
            **msgspec.to_builtins(self._settings),
            "movie": None if self._movie is None else msgspec.to_builtins(self._movie.facts),
            "unreadable": self._unreadable.words(),
            "frame_rate_hz": self._schedule.frame_rate_hz,
            "exposure_ms": self.exposure_ms(),
            "running": self.is_running(),
        }

    def start(self, count: int | None = None) -> None:
        """Play from the first image: `count` frames, or to the end, or, in a loop, until `stop`."""
        self._for_event = self._event_image is not None
        self._begin, self._event_image = self._event_image or 0, None
        self.resume(0, count)

    def next_event(self, event: int, run_time_s: float | None, index: Mapping[str, int]) -> None:  # noqa: ARG002
        """Have the next sequence begin with the image at an event's place: `index`, by axis.

        Raises
        ------
        BadInputError
            If the movie has no image there.
        """
        self._event_image = self._opened().image_at(index)

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the shortest and the longest exposure that its headers tell."""
        return {"exposure_ms": EXPOSURE_MS}

    def next_frame(self) -> int:
        """Return the number that the next frame will have."""
        return self._schedule.next_frame

    def resume(self, done: int, count: int | None = None) -> None:
        """Go on with a sequence of which `done` frames are done: `count` more, or to the end."""
        movie = self._opened()
        if not self._settings.loop:
            left = len(movie) - self._begin - done
            count = left if count is None else min(count, left)
            if count == 0 and done:
                return  # the sequence was over
        self._schedule.start(count)
        self._first = self._schedule.next_frame - done
        self._start_ns = self._context.clock.monotonic_ns() - round(self._offset_s(done) * 1e9)

    @property
    def first_frame(self) -> int:
        """Number of the frame that shows the first image of the newest sequence."""
        return self._first

    def stop(self) -> None:
        """End the sequence."""
        self._schedule.stop()

    def abort(self) -> None:
        """End the sequence, also while its next image is waited for. Any thread."""
        self._schedule.stop()

    def is_running(self) -> bool:
        """Whether images are still to come."""
        return self._schedule.is_running()

    def exposure_ms(self) -> float:
        """Return what `set_exposure_ms` set; it changes the times of the frames alone."""
        return self._schedule.exposure_ms

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set what the frame headers say."""
        return self._schedule.set_exposure_ms(exposure_ms)

    def frame_rate_hz(self) -> float:
        """Return the frame rate; infinite if it plays as fast as it is read."""
        return self._schedule.frame_rate_hz or float("inf")

    def set_frame_rate_hz(self, frame_rate_hz: float) -> float:
        """Set the frame rate, and with it the times; infinite plays as fast as it is read, with its own."""
        endless = frame_rate_hz == float("inf")
        self._own_times = endless
        return self._schedule.set_frame_rate_hz(None if endless else frame_rate_hz) or float("inf")

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Fill `out` with the next image when it is due.

        Raises
        ------
        BadInputError
            If `out` is of another shape or dtype.
        FrameLostError
            If the image cannot be read; the next call goes on with the next one.
        """
        movie = self._opened()
        if out.shape != movie.shape or out.dtype != movie.dtype:
            raise BadInputError(f"out must be {movie.dtype} {movie.shape}, not {out.dtype} {out.shape}")
        exposure = self._schedule.begin(timeout_s)
        if exposure is None:
            return None
        number = self._begin + exposure.frame - self._first
        try:
            movie.read_into(number % len(movie), np.asarray(out))
        except MovieError as error:
            self._schedule.end(exposure)
            self._unreadable.add(number % len(movie), str(error.__cause__ or error))
            raise FrameLostError(str(error), frame=exposure.frame) from error
        header = self._schedule.end(exposure)
        if header is None or self._for_event or not self._own_times:
            return header
        return self._timed(header, number)

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen, one of those that `parfocal.devices.exposures` knows."""
        self._schedule.faults.inject(kind, details)

    def _timed(self, header: FrameHeader, number: int) -> FrameHeader:
        """Return the header with the movie's own time; 0 if nobody tells it."""
        time_ns = 0
        if self._opened().times_s is not None:
            base_ns = self._start_ns if self._schedule.frame_rate_hz else 0
            time_ns = base_ns + round(self._offset_s(number + 1) * 1e9)
        utc_ns = header.utc_ns + time_ns - header.time_ns
        return msgspec.structs.replace(header, time_ns=time_ns, utc_ns=utc_ns)

    def _offset_s(self, frames: int) -> float:
        """Return how long `frames` frames take by the movie's own times, a round like the first."""
        movie = self._opened()
        if movie.times_s is None or not frames:
            return 0.0
        rate = movie.facts.frame_rate_hz
        interval = 1 / rate if rate else 0.0
        rounds, index = divmod(frames - 1, len(movie))
        return float(rounds * (movie.times_s[-1] + interval) + interval + movie.times_s[index])

    def _opened(self) -> Movie:
        if self._movie is None:
            raise DeviceError("the replay camera is closed; open it first")
        return self._movie
