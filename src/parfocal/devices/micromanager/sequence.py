"""A sequence of frames that the camera of a core takes by itself, read from the core's buffer."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.core.errors import DeviceError
from parfocal.devices.micromanager.mmcore import asking

if TYPE_CHECKING:
    import threading

    from numpy.typing import NDArray

    from parfocal.core.clock import Clock
    from parfocal.devices.micromanager.stepped_devices import SteppedDevices

_LOOK_S = (2e-4, 2e-3)
_NUMBER, _RECEIVED = "ImageNumber", "TimeReceivedByCore"
_log = logging.getLogger(__name__)


class SequenceFrame(NamedTuple):
    """A frame: its number, its pixels (None: it never came), and when the core received it, as it tells."""

    number: int
    pixels: NDArray[Any] | None
    received: str = ""


class FrameSequence:
    """Begins a sequence. One thread reads it, any may end it.

    Parameters
    ----------
    mmc : UniMMCore
        The core.
    clock : Clock
        Of the waits.
    first : int
        Number of the first frame.
    exposure_ms : float
        By which the buffer is looked at more or less often.
    count : int or None
        How many frames; None: until it is ended.
    stepped : SteppedDevices, optional
        Those that step with the frames; they are stopped with them.

    Attributes
    ----------
    ended : bool
        Whether somebody has ended it, or is about to.
    is_cut : bool
        Whether it was ended early, and what it has taken until then is wanted.
    """

    def __init__(
        self,
        mmc: Any,
        clock: Clock,
        first: int,
        exposure_ms: float,
        count: int | None,
        stepped: SteppedDevices | None = None,
    ) -> None:
        self._mmc, self._clock = mmc, clock
        self._first, self._number, self._count = first, 0, count
        self._look_s = min(max(exposure_ms * 1e-4, _LOOK_S[0]), _LOOK_S[1])
        self._metadata = importlib.import_module("pymmcore").Metadata
        self._stepped = stepped
        self.ended = self.is_cut = False
        try:
            self._begin()
        except BaseException:
            self.whole()
            raise

    def next(self, timeout_s: float, halted: threading.Event) -> SequenceFrame | None:
        """Wait for the next frame; None if it has not come yet, or the sequence was halted.

        One without pixels never came: the last that was asked for or, of a sequence that was cut, none.

        Raises
        ------
        DeviceError
            If the camera has ended an endless sequence, or the core fails.
        """
        end_ns = self._clock.monotonic_ns() + round(timeout_s * 1e9)
        while True:
            with asking("tell whether a frame has come"):
                exposes = bool(self._mmc.isSequenceRunning())
                waiting = int(self._mmc.getRemainingImageCount())
            if waiting:
                return self._pop()
            if halted.is_set():
                return None
            if not exposes:
                return self._never_came()
            if self._clock.monotonic_ns() >= end_ns or self._clock.wait(halted, self._look_s):
                return None

    def whole(self) -> None:
        """Note that all frames are there: what stepped with them is stopped."""
        if self._stepped is not None:
            self._stepped.stop()

    def end(self) -> None:
        """Have the camera end it; returns when the exposure under way is over."""
        try:
            with asking("end the sequence"):
                self._mmc.stopSequenceAcquisition()
        except DeviceError as error:  # border of a thread: the next start tells
            _log.error("%s", error)
        self.whole()

    def _begin(self) -> None:
        with asking("begin a sequence"):
            if self._count is None:
                self._mmc.startContinuousSequenceAcquisition(0)
            else:
                self._mmc.startSequenceAcquisition(self._count, 0, False)

    def _pop(self) -> SequenceFrame:
        metadata = self._metadata()
        with asking("hand over a frame"):
            pixels = self._mmc.popNextImageMD(metadata)
            number = int(_tag(metadata, _NUMBER) or self._number)
        self._number = number + 1
        return SequenceFrame(self._first + number, pixels, _tag(metadata, _RECEIVED))

    def _never_came(self) -> SequenceFrame:
        if self._count is None:
            raise DeviceError("the camera has ended its sequence by itself")
        return SequenceFrame(self._first + self._count - 1, None)


def _tag(metadata: Any, name: str) -> str:
    return str(metadata.GetSingleTag(name).GetValue()) if metadata.HasTag(name) else ""
