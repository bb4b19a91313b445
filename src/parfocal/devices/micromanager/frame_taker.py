"""Takes the frames of a core's camera: which are still to come, for what, and how that ends."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from parfocal.core.errors import BadInputError, DeviceError, FrameLostError
from parfocal.core.frames import FrameHeader
from parfocal.devices.micromanager.mmcore import asking
from parfocal.devices.micromanager.sequence import FrameSequence
from parfocal.devices.micromanager.stepped_devices import SteppedDevices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.clock import Clock
    from parfocal.core.sequences import ExpectedSequence
    from parfocal.devices.micromanager.core import Core

_SNAPPED_MS = 50.0
"""A single frame of an exposure up to this is snapped; a longer one can be aborted as a sequence of one."""


class _Expected(NamedTuple):
    """What a sequence is for, and the call that has asked for it."""

    sequence: ExpectedSequence
    call: str


class FrameTaker:
    """Has frames taken in sequences, or a single short one by a snap. Their numbers go on.

    The thread that reads the frames does all but what says so.

    Attributes
    ----------
    exposure_ms : float
        Of the frames, as it was read back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.exposure_ms = 0.0
        self._halted = threading.Event()
        self._halted.set()
        self._left: int | None = 0
        self._next = self._first = 0
        self._began_ns = 0
        self._sequence: FrameSequence | None = None
        self._expected: _Expected | None = None  # of the next start
        self._taking: _Expected | None = None
        self._cut = ""  # a call
        self._ending: threading.Thread | None = None
        self._end_lock = threading.Lock()

    def expect(self, expected: ExpectedSequence, call: str) -> None:
        """Take note of what the next `start` is for, a frame of its count for each event; and of the call."""
        self._expected = _Expected(expected, call)

    def forget(self, call: str) -> None:
        """Forget what a call expected of a sequence that was never begun: the next one is not for that."""
        if self._expected is not None and self._expected.call == call:
            self._expected = None

    def start(self, core: Core, count: int | None) -> None:
        """Begin to expose `count` frames, or until `stop`.

        A single short frame is snapped when it is read, unless it is of a sequence that was expected.
        """
        if count is not None and count < 1:
            raise BadInputError(f"count must be 1 or more, or None for no end, not {count}")
        if self.is_running():
            raise DeviceError("the camera is running; stop it before starting another sequence")
        self.wait_ended()
        self._sequence = None
        self._halted.set()  # until it has begun: one that can't begin leaves the camera at rest
        self._left = count
        self._taking, self._expected = self._expected, None
        stepped = None if self._taking is None else SteppedDevices(core, self._taking.sequence)
        self._began_ns = self._clock.monotonic_ns()
        if count != 1 or stepped is not None or self.exposure_ms > _SNAPPED_MS:
            self._first = self._next
            sequence = FrameSequence(core.mmc, self._clock, self._next, self.exposure_ms, count, stepped)
            with self._end_lock:
                self._sequence = sequence
                if self._is_to_be_cut:
                    self._end(sequence, is_cut=True)
        self._halted.clear()

    def is_running(self) -> bool:
        """Whether frames are still to come."""
        return not self._halted.is_set() and self._left != 0

    def took_for(self, call: str) -> bool:
        """Whether the newest sequence is the one that was expected by a call."""
        return self._taking is not None and self._taking.call == call

    @property
    def is_whole(self) -> bool:
        """Whether the newest sequence had all its frames, those that were lost included, or was cut."""
        return self._left == 0

    @property
    def was_cut(self) -> bool:
        """Whether the newest sequence was cut."""
        return self._sequence is not None and self._sequence.is_cut

    def read_into(self, core: Core, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Wait for the next frame, and copy it; a gap in the camera's own numbers is one in ours."""
        if not self.is_running():
            return None
        if self._sequence is None:
            return self._snap(core, out)
        frame = self._sequence.next(timeout_s, self._halted)
        if frame is None or self._halted.is_set():
            return None
        if frame.pixels is None:
            self._left = 0
            if self._sequence.is_cut:
                return None
            self._sequence.whole()
            self._next = frame.number + 1
            raise FrameLostError(
                f"frame {frame.number}: the camera ended the sequence before", frame=frame.number
            )
        _fill(out, frame.pixels)
        self._count(frame.number)
        if self._left == 0:
            self._sequence.whole()
        received_ns = min(self._monotonic_of(frame.received), self._clock.monotonic_ns())
        return self._of_event(self._header(frame.number, received_ns), frame.number - self._first)

    def stop(self) -> None:
        """End the sequence; the exposure under way ends by itself, and is waited for by the next `start`.

        Any thread.
        """
        self._halted.set()
        sequence = self._sequence
        with self._end_lock:
            if sequence is not None:
                self._end(sequence)

    def cut(self, call: str, *, at_once: bool = False) -> None:
        """End the sequence that was expected by a call after the exposure under way; what came is kept.

        `at_once` does not wait for that exposure: its frame never comes. A sequence that has not begun yet
        ends after its first exposure. Any thread.
        """
        with self._end_lock:
            self._cut = call
            if self._sequence is None or not self._is_to_be_cut or self._left == 0:
                return
            if at_once:
                self._halted.set()
            self._end(self._sequence, is_cut=True)

    def wait_ended(self) -> None:
        """Wait until a sequence that was stopped has ended, which takes as long as its exposure."""
        with self._end_lock:
            ending, self._ending = self._ending, None
        if ending is not None:
            ending.join()

    @property
    def _is_to_be_cut(self) -> bool:
        """Whether the sequence that is begun was to be cut."""
        return self._taking is not None and self._cut == self._taking.call

    def _end(self, sequence: FrameSequence, *, is_cut: bool = False) -> None:
        """Have a sequence ended in a thread of its own, once. Under the lock of ends."""
        if sequence.ended:
            return
        sequence.ended, sequence.is_cut = True, is_cut
        self._ending = threading.Thread(target=sequence.end, name="end of a sequence", daemon=True)
        self._ending.start()

    def _snap(self, core: Core, out: NDArray[Any]) -> FrameHeader | None:
        with asking("take a frame"):
            core.mmc.snapImage()
            pixels = core.mmc.getImage()
        if self._halted.is_set():
            return None
        now_ns, number = self._clock.monotonic_ns(), self._next
        _fill(out, pixels)
        self._count(number)
        return self._header(number, now_ns)

    def _count(self, number: int) -> None:
        if self._left is not None:
            self._left -= number + 1 - self._next
        self._next = number + 1

    def _header(self, number: int, end_ns: int) -> FrameHeader:
        """Return a header; what was exposed for longer than since the start was not exposed for so long."""
        offset_ns = self._clock.utc_ns() - self._clock.monotonic_ns()
        exposure_ns = min(round(self.exposure_ms * 1e6), max(end_ns - self._began_ns, 0))
        return FrameHeader(frame=number, time_ns=end_ns, utc_ns=end_ns + offset_ns, exposure_ns=exposure_ns)

    def _of_event(self, header: FrameHeader, place: int) -> FrameHeader:
        """Return the header of the frame at a place of a sequence with its event and its own exposure."""
        if self._taking is None or place >= len(self._taking.sequence.events):
            return header
        events, exposures_ms = self._taking.sequence.events, self._taking.sequence.exposures_ms
        own_ns = round(exposures_ms[place] * 1e6) if len(exposures_ms) > 1 else header.exposure_ns
        return replace(header, event=events[place], exposure_ns=own_ns)

    def _monotonic_of(self, received: str) -> int:
        """Return when the core received a frame, of what it tells in local time; now if it tells nothing."""
        utc_ns, now_ns = self._clock.utc_ns(), self._clock.monotonic_ns()
        return now_ns - min(max(utc_ns - local_to_utc_ns(received, utc_ns), 0), now_ns)


def _fill(out: NDArray[Any], pixels: NDArray[Any]) -> None:
    if pixels.shape != out.shape or pixels.dtype != out.dtype:
        raise DeviceError(
            f"the camera has delivered {pixels.dtype} of shape {pixels.shape}, where frames are "
            f"{out.dtype} of {out.shape}: something else has changed its settings"
        )
    out[:] = pixels


def local_to_utc_ns(told: str, now_ns: int) -> int:
    """Return what a local time is in UTC, ns; of an hour that comes twice a year, the one nearest to now.

    Examples
    --------
    >>> now_ns = 1_795_982_425_500_000_000
    >>> told = datetime.fromtimestamp(now_ns // 10**9).isoformat(" ") + ".250000"
    >>> (now_ns - local_to_utc_ns(told, now_ns)) // 10**6
    250
    """
    if not told:
        return now_ns
    local = datetime.fromisoformat(told)
    times = [round(local.replace(fold=fold).timestamp() * 1e6) * 1000 for fold in (0, 1)]
    return min(times, key=lambda utc_ns: abs(now_ns - utc_ns))
