"""Frames of a driver that exposes when it is triggered, and hands frames over in a thread of its own."""

from __future__ import annotations

import queue
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import DeviceError, DeviceTimeoutError
from parfocal.devices.microscope.driver import asking

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.clock import Clock

GIVEN_UP_NS = 1_000_000_000
"""How long after its end the frame of an exposure that nobody wants is waited for."""

WAITING = 16
"""So many frames, or errors, that a driver hands over unasked are kept."""


@dataclass(frozen=True, slots=True)
class TriggeredExposure:
    """An exposure that was triggered, and whose frame has not come yet.

    Attributes
    ----------
    end_ns : int
        When it ends, counted from before it was triggered, on the machine's monotonic clock.
    exposure_ns : int
        How long it lasts.
    wanted : bool
        Whether its frame is one of the sequence that is on.
    """

    end_ns: int
    exposure_ns: int
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class ArrivedFrame:
    """A frame, the end of its exposure on both clocks, and how long it was exposed."""

    pixels: NDArray[Any]
    time_ns: int
    utc_ns: int
    exposure_ns: int


class TriggeredFrames:
    """Triggers one exposure at a time, and takes its frame from the driver's thread.

    A frame is taken for the exposure that was triggered for it and for no other: one that is still under way
    when a sequence ends, or when something is set that changes it, is waited for and discarded. Called by one
    thread, but for `receiveData`.

    Parameters
    ----------
    driver : microscope.abc.Camera
        Enabled.
    named : str
        What errors call it.
    clock : Clock
        The machine's.
    lost_after_s : float
        How long after the end of its exposure a frame is waited for.
    """

    def __init__(self, driver: Any, named: str, clock: Clock, lost_after_s: float) -> None:
        self._driver, self._named, self._clock = driver, named, clock
        self._lost_after_ns = round(lost_after_s * 1e9)
        self._received: queue.SimpleQueue[tuple[Any, int, int]] = queue.SimpleQueue()
        self._triggered: TriggeredExposure | None = None
        self._discarded = 0
        self._overflowed = 0  # counted by the driver's thread alone
        driver.set_client(self)

    def receiveData(self, data: Any, timestamp: float) -> None:
        """Take a frame, or what the driver raised, from the driver's thread.

        Parameters
        ----------
        data : ndarray or Exception
            Of its own: the driver writes to it no more.
        timestamp : float
            When the driver had it, seconds since 1970.
        """
        utc_ns, now_ns = self._clock.utc_ns(), self._clock.monotonic_ns()
        since_ns = min(max(utc_ns - round(timestamp * 1e9), 0), now_ns)
        if self._received.qsize() >= WAITING:  # what was triggered is one: more than that nobody asked for
            self._overflowed += 1
            return
        self._received.put((data, now_ns - since_ns, utc_ns - since_ns))

    @property
    def discarded(self) -> int:
        """Frames that came, and that nobody wanted any more."""
        return self._discarded + self._overflowed

    def discard(self) -> None:
        """Count a frame that nobody wants any more."""
        self._discarded += 1

    def forget(self) -> None:
        """Want the frame that is under way no more, if one is."""
        if self._triggered is not None:
            self._triggered = replace(self._triggered, wanted=False)

    def next(self, timeout_s: float, exposure_ns: int, more: bool = False) -> ArrivedFrame | None:
        """Trigger an exposure, unless one is under way, and wait for its frame.

        Parameters
        ----------
        timeout_s : float
            How long.
        exposure_ns : int
            Of an exposure that is triggered now.
        more : bool
            Whether another one follows: then it is triggered as soon as this frame is there.

        Returns
        -------
        ArrivedFrame or None
            None if it has not come yet, or was wanted no more.

        Raises
        ------
        DeviceTimeoutError
            If it should have come long ago.
        DeviceError
            If the driver raised.
        """
        if self._triggered is None:
            self._trigger(exposure_ns)
        looked_ns = self._clock.monotonic_ns()  # what comes while this thread is held up is looked for again
        try:
            data, time_ns, utc_ns = self._received.get(timeout=timeout_s)
        except queue.Empty:
            self._check_overdue(looked_ns)
            return None
        triggered = self._triggered
        if triggered is None or not triggered.wanted:
            self.discard()
            if not isinstance(data, Exception):
                self._triggered = None
            return None
        self._triggered = None
        if isinstance(data, Exception):
            self._restart(exposure_ns)
            raise DeviceError(f"{self._named} could not deliver a frame: {_text_of(data)}")
        if more:
            self._trigger(exposure_ns)
        readout_ns = max(time_ns - triggered.end_ns, 0)
        return ArrivedFrame(
            np.asarray(data), time_ns - readout_ns, utc_ns - readout_ns, triggered.exposure_ns
        )

    def _restart(self, exposure_ns: int) -> None:
        """Disable the driver and enable it again; what still comes of the exposure before is discarded."""
        with asking(self._named, "be enabled again"):
            self._driver.disable()
            while not self._received.empty():
                self._received.get()
                self._discarded += 1
            self._driver.enable()
        end_ns = self._clock.monotonic_ns() + exposure_ns
        self._triggered = TriggeredExposure(end_ns=end_ns, exposure_ns=exposure_ns, wanted=False)

    def _trigger(self, exposure_ns: int) -> None:
        end_ns = self._clock.monotonic_ns() + exposure_ns
        with asking(self._named, "be triggered"):
            self._driver.trigger()
        self._triggered = TriggeredExposure(end_ns=end_ns, exposure_ns=exposure_ns)

    def _check_overdue(self, now_ns: int) -> None:
        triggered = self._triggered
        if triggered is None:
            return
        late_ns = now_ns - triggered.end_ns
        if not triggered.wanted and late_ns > GIVEN_UP_NS:
            self._triggered = None
        elif triggered.wanted and late_ns > self._lost_after_ns:
            self._restart(triggered.exposure_ns)
            raise DeviceTimeoutError(
                f"{self._named} delivered no frame within {late_ns * 1e-9:.1f} s of its exposure"
            )


def _text_of(error: Exception) -> str:
    """Return what a driver's error says: the library hands it on as bytes.

    Examples
    --------
    >>> _text_of(Exception(b"no light"))
    'no light'
    """
    said = error.args[0] if error.args else error
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
