"""The host of a camera: one process that owns it and writes its frames into a stream."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Annotated, Any

import msgspec
from numpy.typing import NDArray
from pydantic import Field

from parfocal.core.errors import BadInputError, DeviceError, FrameLostError, StreamTimeoutError
from parfocal.core.frames import FrameHeader
from parfocal.core.protocols import Camera, CanResume, CountsFrames
from parfocal.devices.camera_counts import CameraCounts
from parfocal.devices.camera_memory import CameraMemory
from parfocal.devices.device_commands import is_set_again
from parfocal.devices.device_host import DeviceConfig
from parfocal.devices.exposure_commands import ExposureCommands
from parfocal.devices.frame_slot import FrameSlot
from parfocal.devices.snap import SnapRequest, Snaps, exposure_began_ns
from parfocal.devices.snap_camera import SnapCamera
from parfocal.devices.truth_stream import TruthStream
from parfocal.ipc import RECEIVER, command, current_call
from parfocal.processes import LOOP, FixedSettings
from parfocal.streams import StreamWriter, open_stream

_WAIT_S = 0.1
_REOPENS_WITHIN_S = 1.0


class CameraConfig(DeviceConfig):
    """Settings of a camera host.

    Parameters
    ----------
    slots : int
        How many frames the ring holds.
    autostart : bool
        Start the camera as soon as it is open.
    truth : str
        Name of a row stream for what each frame shows, if the camera knows it; "" for none. Where a reader
        leaves no room for them, rows are left out, and their frames counted as untold.
    frame_timeout_s : float
        Without a frame for so long (and one exposure), a timeout is counted and logged.
    """

    slots: Annotated[int, Field(ge=2)] = 64
    autostart: bool = False
    truth: str = ""
    frame_timeout_s: Annotated[float, Field(gt=0)] = 1.0


class CameraHost(ExposureCommands):
    """Runs a camera; its frames are the stream of the host's name.

    The camera fills each slot of the ring in place. If the host crashed while a sequence was on, its
    successor goes on with it where it was interrupted, if the camera can; of others it starts an endless one
    again. Frame numbers and counts go on, and what commands have set is set again: exposure, frame rate, and
    what is marked `set_again` or `reshapes`.
    """

    Config = CameraConfig
    protocol = Camera
    settings: CameraConfig
    device: Camera
    _made_safe = False  # since the newest sequence began

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return the stream of its frames, and that of what they show."""
        return tuple(filter(None, (service, self.settings.truth)))

    def fixed_settings(self) -> FixedSettings:
        """Return what the ring, the truth and the start are made with, too."""
        return {**super().fixed_settings(), "slots": "restart", "truth": "restart", "autostart": "restart"}

    def surround(self, stack: ExitStack) -> None:
        """Make the streams; start if that is wanted, or was on before a crash."""
        context, clock = self.context, self.context.clock
        self._snaps = Snaps()
        self._stopped_by = ""  # who ended the newest sequence before its end
        self._snap_camera = SnapCamera(self.device, self._expose)
        self._counting = self.device if isinstance(self.device, CountsFrames) else None
        self._set_again()
        self._sequence_ns = self._read_ns = clock.monotonic_ns()
        self._writer = StreamWriter(context.streams, context.service, self.device.spec, self.settings.slots)
        stack.callback(self._writer.close)
        stack.callback(self._snaps.fail, DeviceError("the camera is being closed"))
        self._slot = FrameSlot(self._writer, _WAIT_S)
        stack.callback(self._slot.close)
        self._truth = TruthStream(self.device, self.settings.device)
        if self.settings.truth:
            stack.callback(self._truth.open(context.streams, self.settings.truth).close)
        counts = context.streams / f"{context.service}.counts"
        self._counts = CameraCounts(counts, owner=os.getppid(), now_ns=clock.monotonic_ns())
        self._counts.recover(open_stream(context.streams, context.service).produced)
        self._set_next_number()
        self._last_lost = -2  # of the frames that this host read
        if self._counts.was_running:
            self._take_up()
        elif self.settings.autostart:
            self.start()

    def step(self) -> float | None:
        """Fill the next slot, or wait for a while for it; idle while no sequence is on."""
        self._snaps.begin(self._snap_camera)
        if not self.device.is_running():
            self._end_sequence(stopped=self._made_safe)
            self._slot.close()
            return 0.0 if self._snaps.after_sequence() else None
        self._read_ns = self.context.clock.monotonic_ns()
        try:
            header = self.device.read_into(self._slot.pixels(), _WAIT_S)
        except StreamTimeoutError:
            return 0.0
        except FrameLostError as error:
            self._lose(error)
            return 0.0
        except DeviceError as error:
            self._failed(error)
            return 0.0
        if header is None:
            self._check_overdue()
        else:
            self._commit(header)
        return 0.0

    def call_device(self, method: str, arguments: dict[str, Any], reshapes: bool) -> Any:
        """Call a command of the camera; if its frames look different then, the stream goes on with those.

        Raises
        ------
        BadInputError
            If it would reshape the frames while a sequence is on, or while they are recorded.
        """
        if reshapes:
            self.check_may_reshape(method)
        result = self._call(method, arguments)
        if is_set_again(type(self.device), method):
            self.memory.note(method, arguments)
        self.follow_shape()
        return result

    def check_may_reshape(self, what: str) -> None:
        """Refuse what changes frames while a sequence is on, or while they are recorded."""
        recorders = [reader.name for reader in self._writer.readers() if reader.records]
        _check_may_reshape(what, self.device.is_running(), recorders)

    def follow_shape(self) -> None:
        """Have the stream go on with frames as they look now, if that has changed."""
        if self.device.spec != self._writer.spec:
            self._slot.close()
            self._writer.reopen(self.device.spec, timeout_s=_REOPENS_WITHIN_S)
            self._set_next_number()
            self.context.publish("frames", {"spec": msgspec.to_builtins(self.device.spec)})

    @command(lane=LOOP, effect="changes")
    def start(self, count: int | None = None) -> None:
        """Begin to expose `count` frames, or until `stop`."""
        if count is not None and count < 1:
            raise BadInputError(f"count must be 1 or more, or None for no end, not {count}")
        self._expose(count)
        self._stopped_by = ""
        first = self.device.first_frame if isinstance(self.device, CanResume) else 0
        self._counts.begin_sequence(self._counts.first_frame + first, count)
        self.context.publish("camera", {"running": True, "count": count})
        self.context.wake()

    @command(lane=LOOP, effect="stops")
    def stop_sequence(self) -> None:
        """Do as `stop`, which is its name now."""
        self.stop()

    @command(lane=LOOP, effect="stops")
    def stop(self) -> None:
        """End the sequence; nothing happens if none is on."""
        caller = current_call().caller or "the rig"
        if self.device.is_running():
            self._stopped_by = caller
        self.device.stop()
        self._snaps.fail(DeviceError(f"the camera was stopped from outside by {caller}"))
        self._end_sequence(stopped=True)
        self.context.publish("camera", {"running": False, "count": None})

    @command(lane="snap", effect="changes")
    def snap(
        self,
        count: int = 1,
        event: int = -1,
        exposure_ms: float | None = None,
        time_s: float | None = None,
        index: dict[str, int] | None = None,
    ) -> list[FrameHeader]:
        """Take `count` frames into the stream, of a running camera the next ones; returns their headers.

        No frame counts whose exposure began before the call. Cancelled, it ends the exposure at once if the
        camera can. A header tells the exposure that the frame had.

        With `event`, the number of a plan's event, the one frame is that event's. A camera that
        `TakesEvents` is told so before, with `time_s`, when the plan has it (seconds of run time), and
        `index`, its place by axis. With `exposure_ms` the exposure is set before, and kept. Both need the
        camera for themselves: while a sequence is on they are refused, so whoever wants them ends a live one,
        and starts it again afterwards.
        """
        request = SnapRequest(count, event, exposure_ms, time_s, index or {})
        snap = self._snaps.ask(request, self.context.clock.monotonic_ns())
        self.context.wake()
        try:
            headers = snap.wait(current_call())
            if exposure_ms is not None and event < 0:  # a run sets that of each event, and its own at the end
                self.memory.note("set_exposure_ms", {"exposure_ms": exposure_ms})
            return headers
        except BaseException:
            self._snaps.give_up(snap, self._snap_camera)
            self.context.wake()
            raise

    @command(lane=LOOP, effect="reads")
    def is_running(self) -> bool:
        """Whether a sequence is on."""
        return self.device.is_running()

    @command(lane=LOOP, effect="reads")
    def ground_truth(self, frame: int) -> NDArray[Any]:
        """Return what a frame of a simulated camera shows, one row for each object."""
        return self._truth.of(frame, self._counts.first_frame)

    @command(lane=RECEIVER, effect="reads")
    def counts(self) -> dict[str, int]:
        """Return frames, those the camera lost, timeouts, errors, and frames whose truth found no room."""
        return self._counts.counts()

    @command(lane="counts", effect="reads")
    def health(self) -> str:
        """Return the camera's health in a line."""
        return self.health_line()

    def make_safe(self) -> None:
        """Make the camera safe: frames that it was still to take are none that it lost."""
        self._made_safe = True
        super().make_safe()

    def state(self) -> dict[str, Any]:
        """Return the camera's state, the shape of its frames, its counts, and who stopped it last."""
        spec = msgspec.to_builtins(self.device.spec)
        host = {"spec": spec, "counts": self._counts.counts(), "stopped_by": self._stopped_by}
        return {**self.device.state(), **host}

    def losses(self) -> dict[str, int]:
        """Return the frames that the camera lost, and those whose truth found no room in its stream."""
        counts = self._counts.counts()
        return {"camera": counts["lost"], "truth without room": counts["untold"]}

    def health_line(self) -> str:
        """Return rate, counts, age of the last frame, and how full the ring is for its slowest reader."""
        counts = self._counts.counts()
        stream = open_stream(self.context.streams, self.context.service).status()
        fullest = max((reader.in_flight for reader in stream.readers if reader.alive), default=0)
        age = self._counts.seconds_since_frame(self.context.clock.monotonic_ns())
        numbers = ", ".join(f"{number} {name}" for name, number in counts.items())
        full = 100 * fullest / stream.slots
        return f"{self._counts.fps:.1f} fps, {numbers}, last frame {age:.1f} s ago, ring {full:.0f} % full"

    def _set_again(self) -> None:
        """Set the camera as the process before this one had it, and tell what it refuses."""
        path, context = self.context.streams / f"{self.context.service}.set", self.context
        self.memory = CameraMemory(path, os.getppid(), self.settings.device, self.settings.options)
        for each in self.memory.commands():
            try:
                getattr(self.device, each.method)(**each.arguments)
            except Exception as error:  # noqa: BLE001 (a driver's own; without it the camera still works)
                context.log.error("the camera was set by %s, which it refuses now: %s", each, error)
                self.memory.forget(each.__eq__)
            else:
                context.log.info("set again, as it was: %s", each)

    def _take_up(self) -> None:
        """Go on with the sequence that a crash interrupted; with a counted one if the camera can resume."""
        counts = self._counts
        if not isinstance(self.device, CanResume):
            if counts.sequence_left is None:
                self.context.log.warning("starting anew the endless sequence that a crash interrupted")
                self.start()
            return
        self.context.log.warning("a crash interrupted a sequence after %d frames", counts.sequence_done)
        if counts.sequence_left is None or counts.sequence_left > 0:
            self.device.resume(counts.sequence_done, counts.sequence_left)
        counts.begin(self.context.clock.monotonic_ns())
        self.context.wake()

    def _commit(self, header: FrameHeader) -> None:
        """Publish the slot, and tell everybody who counts."""
        began_ns = exposure_began_ns(header, self._sequence_ns, self._read_ns)
        header = self._completed(header, self._snaps.event_for(began_ns))
        self._slot.set_header(header)
        self._counts.reserve(header)
        self._set_next_number()
        self._slot.commit()
        self._counts.frame(header, self.context.clock.monotonic_ns())
        self._snaps.frame(header, began_ns)
        if not self._truth.write(header.frame, self._counts.first_frame):
            self._counts.count_untold()

    def _completed(self, header: FrameHeader, event: int) -> FrameHeader:
        """Return a header with the host's number, and of a plan's event with that and its exposure."""
        number = header.frame + self._counts.first_frame
        if event < 0:
            return msgspec.structs.replace(header, frame=number)
        exposure_ns = header.exposure_ns or round(self.device.exposure_ms() * 1e6)
        return msgspec.structs.replace(header, frame=number, event=event, exposure_ns=exposure_ns)

    def _expose(self, count: int | None) -> None:
        """Start the camera, and note since when what it takes is of this sequence."""
        self._sequence_ns = self.context.clock.monotonic_ns()
        self._made_safe = False
        self.device.start(count)
        self._counts.begin(self._sequence_ns)

    def _end_sequence(self, *, stopped: bool = False) -> None:
        """Note that a sequence is over, and count its last frames if the camera took, but never gave them.

        The camera's own numbers tell, if it knows them; else the count that was asked for, if the sequence
        was not stopped.
        """
        counts = self._counts
        if not counts.was_running:
            return
        made = counts.next_frame
        if self._counting is not None:
            made = counts.first_frame + self._counting.next_frame()
        elif not stopped:
            made += counts.sequence_left or 0
        counts.end_sequence()
        if made > counts.next_frame:
            self.context.log.error("the last %d frames never came", made - counts.next_frame)
            counts.lose(made - 1)
            self._set_next_number()

    def _set_next_number(self) -> None:
        """Tell readers which number the next frame will have: so they know of frames that never came."""
        self._writer.set_next_number(self._counts.next_frame)

    def _lose(self, error: FrameLostError) -> None:
        """Count a frame that the camera could not deliver, and say which; the sequence goes on."""
        self._counts.lose(error.frame + self._counts.first_frame)
        self._set_next_number()
        self._snaps.lose(error)
        if error.frame != self._last_lost + 1:  # of many in a row, the first one is told
            self.context.log.error("%s", error)
            self.context.publish("lost", {"message": str(error), **self._counts.counts()})
        self._last_lost = error.frame

    def _failed(self, error: DeviceError) -> None:
        """Count a failure; calls that wait get it, otherwise it ends the host."""
        self._counts.error()
        if not self._snaps.fail(error):
            raise error
        self.context.log.error("%s", error)
        self.device.stop()

    def _check_overdue(self) -> None:
        patience = self.settings.frame_timeout_s + self.device.exposure_ms() * 1e-3
        if self._counts.overdue(self.context.clock.monotonic_ns(), patience):
            message = f"no frame for {patience:.1f} s"
            self.context.log.warning(message)
            self.context.publish("timeout", {"message": message, **self._counts.counts()})


def _check_may_reshape(method: str, running: bool, recorders: list[str]) -> None:
    if running:
        raise BadInputError(f"{method} changes what frames look like: end the sequence first")
    if recorders:
        raise BadInputError(
            f"{method} changes what frames look like, and {', '.join(recorders)} goes on: finish it first"
        )
