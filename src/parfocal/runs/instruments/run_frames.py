"""The frames of one run: numbered by its plan, followed through the tracker, stored by the recorder."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import CommandError
from parfocal.runs.acquisition_mode import parts_of
from parfocal.runs.instruments.camera_sequence import CameraSequence
from parfocal.runs.instruments.instruments import (
    AbortedError,
    AcquiredFrames,
    EventProgress,
    RunStart,
    RunStorage,
)
from parfocal.runs.instruments.recording_calls import RecordingCalls
from parfocal.runs.instruments.ring_room import RingRoom
from parfocal.runs.instruments.roi_video_calls import RoiVideoCalls
from parfocal.runs.instruments.tracked import TrackedFrames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from parfocal.core.clock import Clock
    from parfocal.core.event_layout import EventLayout
    from parfocal.core.run_status import RunCommand
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.machine.tasks import Ending
    from parfocal.runs.plans.event import Event
    from parfocal.runs.settings import RunSettings

_LOOK_S = 0.05


class RunFrames:
    """What becomes of the frames of a run. One thread, but for `relayout`, `keep_commands` and `storage`.

    Parameters
    ----------
    settings : RunSettings
        Which service plays which part.
    calls : InstrumentCalls
        Calls them.
    restarts : callable
        Returns how often a service was started again.
    streams : Path
        Folder of the rig's streams.
    clock : Clock
        Of the waits.
    records : bool
        Whether the run has a record of its own.
    """

    def __init__(
        self,
        settings: RunSettings,
        calls: InstrumentCalls,
        restarts: Callable[[str], int],
        streams: Path,
        clock: Clock,
        *,
        records: bool,
    ) -> None:
        self._settings, self._calls, self._clock = settings, calls, clock
        self._restarts, self._streams = partial(restarts, settings.camera), streams
        self._records = records
        self._layout: EventLayout | None = None
        self._changes: deque[tuple[EventLayout | None, dict[str, Any]]] = deque()
        self._sequence: CameraSequence | None = None
        self._tracked: TrackedFrames | None = None
        self._room: RingRoom | None = None
        self._record: RecordingCalls | None = None
        self._video: RoiVideoCalls | None = None
        self._closed = False
        self._acquiring_since_ns = 0

    def open(self, start: RunStart) -> str:
        """Know the frames from before, which belong to no run; begin the record and return its folder."""
        chosen = self._settings
        if chosen.camera:
            camera = self._calls.client(chosen.camera)
            self._sequence = CameraSequence(
                camera, self._calls.aborted, self._restarts, self._clock, restart_s=chosen.restart_s
            )
            if chosen.tracker:
                self._tracked = TrackedFrames(camera, self._calls.client(chosen.tracker), self._clock)
                self._tracked.begin()
        parts = None if start.mode is None else parts_of(start.mode)
        if parts is not None and parts.roi_video:
            self._video = RoiVideoCalls(self._calls.client(chosen.tracker), self._clock)
            self._video.begin()
        if not self._records:
            return ""
        self._layout = start.layout
        if chosen.camera:
            self._room = RingRoom(self._streams, chosen.camera, self._clock)
        self._record = RecordingCalls(self._calls.client(chosen.recorder), chosen.camera, self._clock)
        if parts is None:
            return self._record.begin(start)
        video, frames = self._video, (chosen.camera,) if parts.video else ()
        return self._record.begin(
            start,
            frames=frames if video is None else (*frames, video.frames),
            rows=(*((chosen.tracks,) if parts.tracks else ()), *(() if video is None else (video.corners,))),
            without=() if parts.tracks else (chosen.tracks,),
            numbered=() if video is None else (video.frames,),
        )

    def number_of(self, event: Event) -> int:
        """Return the number that the frame of an event has in the record; -1 without one."""
        return -1 if self._layout is None else self._layout.number_of(event.index)

    def retake(self, numbers: Sequence[int]) -> None:
        """Have the record keep the next frames of events, by their numbers, in place of those before."""
        if self._record is not None:
            self._record.retake([number for number in numbers if number >= 0])

    def acquire(
        self, count: int | None, duration_s: float | None = None, *, keep: Callable[[], str]
    ) -> AcquiredFrames:
        """Have the camera run for `count` frames or `duration_s`, or to its own end; as `CameraSequence`."""
        assert self._sequence is not None, "a plan with frames is refused without a camera"
        self._acquiring_since_ns = began_ns = self._clock.monotonic_ns()
        try:
            if duration_s is None:
                return self._sequence.run(count, keep=keep)
            until_ns = began_ns + round(duration_s * 1e9)
            return self._sequence.run(count, lambda: self._clock.monotonic_ns() >= until_ns, keep=keep)
        finally:
            self._acquiring_since_ns = 0

    def progress(self) -> EventProgress:
        """Return how far an acquisition is. Any thread."""
        since_ns, sequence = self._acquiring_since_ns, self._sequence
        if not since_ns or sequence is None:
            return EventProgress()
        return EventProgress(frames=sequence.frames, lasted_s=(self._clock.monotonic_ns() - since_ns) * 1e-9)

    def expose_until(self, until: Callable[[], bool], *, keep: Callable[[], str]) -> AcquiredFrames:
        """Have the camera run by itself until it is told to end; as `CameraSequence`."""
        assert self._sequence is not None, "a plan with frames is refused without a camera"
        return self._sequence.run(None, until, keep=keep)

    def relayout(self, layout: EventLayout | None, plan: dict[str, Any]) -> None:
        """Take the layout of a plan that has changed. Any thread."""
        self._changes.append((layout, plan))

    def tell_changes(self) -> None:
        """Tell the recorder how the plan has changed, now that nothing is exposed."""
        while self._changes:
            layout, plan = self._changes.popleft()
            if self._record is not None:
                self._layout = layout
                self._record.extend(layout, plan)

    def is_short_of_room(self) -> bool:
        """Count an exposure that is to come; return whether too many frames wait for the disk."""
        return self._room is not None and self._room.is_short()

    def wait_for_room(self) -> None:
        """Wait until fewer frames wait for the disk; `AbortedError` if it was aborted before."""
        if self._room is not None and not self._room.wait(self._calls.aborted):
            raise AbortedError("aborted while the run waited for the disk")

    def keep_commands(self, commands: tuple[RunCommand, ...], *, patiently: bool) -> None:
        """Have the record hold what was asked of the run, if it has begun one. Any thread."""
        if self._record is not None and self._record.folder:
            self._record.keep_commands(commands, patiently=patiently)

    def storage(self) -> RunStorage:
        """Return how far the record is. Any thread."""
        if self._record is None:
            return RunStorage()
        return self._record.final() if self._closed else self._record.storage()

    def waits_for(self) -> str:
        """Return what is still to be tracked or stored of what was exposed; "" if nothing."""
        if self._tracked is not None and (behind := self._tracked.behind()):
            return f"{behind} frames to be tracked"
        if self._video is not None and (behind := self._video.behind()):
            return f"{behind} frames to be cut to their regions"
        behind = self.storage().behind
        return f"{behind} frames or rows to be stored" if behind else ""

    def close(self, ending: Ending, reason: str, counts: EventCounts) -> tuple[str, str]:
        """Close the record; return the outcome and the reason that it holds."""
        try:
            if self._record is None or not self._record.folder:
                return outcome_without_record(ending, counts), reason
            losses, useless = self._of_tracker(ending)
            remarks = [] if self._sequence is None else self._sequence.remarks
            useless = useless or self._video_error()
            reason = "; ".join(filter(None, (reason, useless, *remarks)))
            return self._record.finish("failed" if useless else ending, reason, counts, losses)
        finally:
            self._closed, self._room = True, None
            if self._video is not None:
                with suppress(
                    CommandError
                ):  # the record is closed; who is away cuts nothing, or until asked anew
                    self._video.end()

    def _video_error(self) -> str:
        """Return why the video of the regions is not whole; "" if nothing is wrong with it."""
        error = "" if self._video is None else self._video.error()
        return f"the video of the regions has ended: {error}" if error else ""

    def _of_tracker(self, ending: Ending) -> tuple[dict[str, int], str]:
        """Wait until each frame is tracked or given up; return what was, and why the rows are of no use."""
        tracked = self._tracked
        if tracked is None:
            return {}, ""
        while ending != "failed" and tracked.behind():
            self._clock.sleep(_LOOK_S)
        wanted = self._settings.need_usable_rows and ending == "complete"
        return tracked.ledger().closed().unfinished, tracked.uselessness() if wanted else ""


def outcome_without_record(ending: Ending, counts: EventCounts) -> str:
    """Return how a run ended that nobody records, in the words of a recorder.

    Examples
    --------
    >>> from parfocal.runs.machine.counts import EventCounts
    >>> lossy = EventCounts(dropped={"lost": 2})
    >>> outcome_without_record("complete", lossy), outcome_without_record("cancelled", lossy)
    ('incomplete: lost 2', 'cancelled')
    """
    cut_short = ending in ("cancelled", "failed")
    return f"incomplete: lost {counts.lost}" if counts.lost and not cut_short else ending
