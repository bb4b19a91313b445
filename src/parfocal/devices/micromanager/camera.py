"""The camera of a core, and the core with it: it is made when the camera is opened."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, DeviceError, FrameLostError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.devices.camera_region import checked_region
from parfocal.devices.device_commands import reshapes
from parfocal.devices.micromanager.configuration import DEMO
from parfocal.devices.micromanager.core import Core
from parfocal.devices.micromanager.core_devices import Value
from parfocal.devices.micromanager.load_lock import LoadLock
from parfocal.devices.micromanager.mmcore import asking, library_versions
from parfocal.devices.micromanager.sequence import FrameSequence
from parfocal.devices.micromanager.stepped_devices import SteppedDevices
from parfocal.ipc import command

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.sequences import ExpectedSequence
    from parfocal.devices.context import DeviceContext

_SHORTEST_MS = 1e-3
_LONGEST_MS = 1e7
_SNAPPED_MS = 50.0
"""A single frame of an exposure up to this is snapped; a longer one can be aborted as a sequence of one."""


class CoreSettings(BaseModel):
    """Which configuration, and what it does not tell.

    Parameters
    ----------
    configuration : str
        A ``.cfg`` of Micro-Manager, or "demo" for the simulated devices that come with its adapters.
    adapters : str
        Folder of device adapters; "" for the one that pymmcore-plus finds.
    properties : dict
        What is set once the configuration is loaded, by device and property.
    exposure_ms : float, optional
        Set when it is opened; otherwise it stays as the configuration has it.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, in place of what the configuration says.
    buffer_mb : float
        Of frames that wait for a late reader; older ones are lost, and counted.
    sequences : bool
        Whether runs may have images that follow one another taken as one sequence, timed by the instruments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    configuration: str = DEMO
    adapters: str = ""
    properties: dict[str, dict[str, Value]] = {}
    exposure_ms: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    pixel_size_um: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    buffer_mb: Annotated[float, Field(ge=1, le=65536)] = 256.0
    sequences: bool = True


class CoreCamera:
    """The camera of a core (a `parfocal.core.protocols.Camera`), which owns that core.

    Parameters
    ----------
    settings : CoreSettings
        Which configuration.
    context : DeviceContext
        The clock.

    Attributes
    ----------
    load_lock : LoadLock
        To be held by other threads that use the core.
    """

    Settings = CoreSettings

    def __init__(self, settings: CoreSettings, context: DeviceContext) -> None:
        self._settings, self._clock = settings, context.clock
        self.load_lock = LoadLock()
        self._core: Core | None = None
        self._spec: FrameSpec | None = None
        self._configuration = settings.configuration
        self._limits = _SHORTEST_MS, _LONGEST_MS
        self._halted = threading.Event()
        self._halted.set()
        self._left: int | None = 0
        self._next = self._first = 0
        self._exposure_ms = 0.0
        self._sequence: FrameSequence | None = None
        self._expected: ExpectedSequence | None = None
        self._taking: ExpectedSequence | None = None
        self._expected_by = self._taking_by = self._cut = ""  # calls
        self._began_ns = 0
        self._ending: threading.Thread | None = None
        self._end_lock = threading.Lock()

    @property
    def core(self) -> Core:
        """The core, while it is open."""
        if self._core is None:
            raise DeviceError("the core is closed; open it first")
        return self._core

    @property
    def spec(self) -> FrameSpec:
        """What frames look like, as it is set now."""
        if self._spec is None:
            raise DeviceError("the camera is closed; open it first")
        return self._spec

    def open(self) -> None:
        """Make the core, and load the configuration."""
        core = Core(self._settings.adapters, self._settings.buffer_mb)
        try:
            core.load(self._configuration, self._settings.properties)
            self._take(core)
        except BaseException:
            self._core = self._spec = None
            core.unload()
            raise

    def close(self) -> None:
        """End the sequence, close the shutters, and let go of all devices."""
        core = self._core
        if core is None:
            return
        try:
            self.make_safe()
            self._wait_ended()
        finally:
            self._core = self._spec = None
            core.unload()

    def make_safe(self) -> None:
        """End the sequence, and close all shutters; whoever loads a configuration does that. Any thread."""
        self.stop()
        if self._core is not None and not self.load_lock.is_loading:
            self._core.close_shutters()

    def state(self) -> dict[str, Any]:
        """Return the configuration, what is set of the camera, and which preset each group stands at."""
        core = self.core
        camera = core.camera()
        return {
            "configuration": str(core.path),
            "camera": camera,
            "exposure_ms": self._exposure_ms,
            "properties": core.properties(camera),
            "presets": {group: core.current_preset(group) for group in core.groups()},
        }

    def versions(self) -> dict[str, str]:
        """Return the versions of pymmcore-plus and of the core."""
        return library_versions()

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the exposures that the camera takes, as its property Exposure declares them."""
        return {"exposure_ms": self._limits}

    def start(self, count: int | None = None) -> None:
        """Begin to expose `count` frames, or until `stop`; frame numbers go on.

        A single short frame is snapped when it is read, unless it is of a sequence that was expected.
        """
        if count is not None and count < 1:
            raise BadInputError(f"count must be 1 or more, or None for no end, not {count}")
        core = self.core
        if self.is_running():
            raise DeviceError("the camera is running; stop it before starting another sequence")
        self._wait_ended()
        self._sequence = None
        self._halted.set()  # until it has begun: one that can't begin leaves the camera at rest
        self._left = count
        stepped = self._begin_expected(core)
        self._began_ns = self._clock.monotonic_ns()
        if count != 1 or stepped is not None or self._exposure_ms > _SNAPPED_MS:
            self._first = self._next
            sequence = FrameSequence(core.mmc, self._clock, self._next, self._exposure_ms, count, stepped)
            with self._end_lock:
                self._sequence = sequence
                if self._is_cut:
                    self._end(sequence, is_cut=True)
        self._halted.clear()

    def expect(self, expected: ExpectedSequence, call: str) -> None:
        """Take note of what the next `start` is for, a frame of its count for each event; and of the call."""
        self._expected, self._expected_by = expected, call

    def forget(self, call: str) -> None:
        """Forget what a call expected of a sequence that was never begun: the next one is not for that."""
        if self._expected_by == call:
            self._expected = None

    def cut(self, call: str, *, at_once: bool = False) -> None:
        """End the sequence that was expected by a call after the exposure under way; what came is kept.

        `at_once` does not wait for that exposure: its frame never comes. A sequence that has not begun yet
        ends after its first exposure. Any thread.
        """
        with self._end_lock:
            self._cut = call
            if self._sequence is None or not self._is_cut or self._left == 0:
                return
            if at_once:
                self._halted.set()
            self._end(self._sequence, is_cut=True)

    @property
    def takes_sequences(self) -> bool:
        """Whether runs may have it take sequences for several events."""
        return self._settings.sequences

    def took_for(self, call: str) -> bool:
        """Whether the newest sequence is the one that was expected by a call."""
        return self._taking_by == call

    @property
    def is_whole(self) -> bool:
        """Whether the newest sequence had all its frames, those that were lost included, or was cut."""
        return self._left == 0

    @property
    def was_cut(self) -> bool:
        """Whether the newest sequence was cut."""
        return self._sequence is not None and self._sequence.is_cut

    def stop(self) -> None:
        """End the sequence; the exposure under way ends by itself, and is waited for by the next `start`."""
        self._halted.set()
        sequence = self._sequence
        with self._end_lock:
            if sequence is not None and self._core is not None:
                self._end(sequence)

    def abort(self) -> None:
        """End the sequence now: the frame under way never comes. Any thread."""
        self.stop()

    def is_running(self) -> bool:
        """Whether frames are still to come."""
        return not self._halted.is_set() and self._left != 0

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Wait for the next frame, and copy it; a gap in the camera's own numbers is one in ours."""
        core = self.core
        self._check_fits(out)
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
        self._fill(out, frame.pixels)
        self._count(frame.number)
        if self._left == 0:
            self._sequence.whole()
        received_ns = min(self._monotonic_of(frame.received), self._clock.monotonic_ns())
        return self._of_event(self._header(frame.number, received_ns), frame.number - self._first)

    def exposure_ms(self) -> float:
        """Return the exposure, as it was read back."""
        self.core  # noqa: B018 (it is open)
        return self._exposure_ms

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; return what is read back."""
        if not 0 < exposure_ms < float("inf"):
            raise BadInputError(f"exposure_ms must be positive and finite, not {exposure_ms}")
        if not self.is_running():
            self._wait_ended()
        self._exposure_ms = self.core.set_exposure_ms(exposure_ms)
        return self._exposure_ms

    @command(effect="reads")
    def camera_label(self) -> str:
        """Return the label of the camera in the configuration."""
        return self.core.camera()

    @command(effect="reads")
    def camera_properties(self) -> dict[str, str]:
        """Return what the properties of the camera stand at."""
        return self.core.properties(self.core.camera())

    @reshapes
    @command(effect="changes")
    def set_camera_property(self, name: str, value: Value) -> str:
        """Set a property of the camera; returns what is read back."""
        self._wait_ended()
        made = self.core.set_property(self.core.camera(), name, value)
        self._look()
        return made

    @reshapes
    @command(effect="changes")
    def set_binning(self, binning: int) -> int:
        """Add up so many pixels along both axes; returns what is read back."""
        return int(self.set_camera_property("Binning", binning))

    @command(effect="reads")
    def region(self) -> tuple[int, int, int, int]:
        """Return the region of the sensor that is read: left, top, width, height."""
        with asking("tell its region"):
            left, top, width, height = self.core.mmc.getROI()
        return int(left), int(top), int(width), int(height)

    @reshapes
    @command(effect="changes")
    def set_region(
        self, left_px: int, top_px: int, width_px: int, height_px: int
    ) -> tuple[int, int, int, int]:
        """Read a region of the sensor alone; returns what the camera made of it."""
        region = checked_region(left_px, top_px, width_px, height_px)
        self._wait_ended()
        with asking(f"read the region {region}"):
            self.core.mmc.setROI(*region)
        self._look()
        return self.region()

    @reshapes
    @command(effect="changes")
    def clear_region(self) -> tuple[int, int, int, int]:
        """Read the whole sensor again; returns the region that is read."""
        self._wait_ended()
        with asking("read the whole sensor"):
            self.core.mmc.clearROI()
        self._look()
        return self.region()

    def load_configuration(self, configuration: str) -> None:
        """Load another configuration; one that fails leaves the one that was loaded, loaded anew."""
        self._wait_ended()
        core = self.core
        with self.load_lock.loading():
            try:
                core.load(configuration, {})
                self._take(core)
            except BaseException:
                core.load(self._configuration, self._settings.properties)
                self._take(core)
                raise
        self._configuration = configuration

    def _begin_expected(self, core: Core) -> SteppedDevices | None:
        """Begin what the sequence is for: from now on devices step with the frames."""
        expected, self._expected = self._expected, None
        self._taking, self._taking_by = expected, "" if expected is None else self._expected_by
        return None if expected is None else SteppedDevices(core, expected)

    @property
    def _is_cut(self) -> bool:
        """Whether the sequence that is begun was to be cut."""
        return self._taking is not None and self._cut == self._taking_by

    def _end(self, sequence: FrameSequence, *, is_cut: bool = False) -> None:
        """Have a sequence ended in a thread of its own, once. Under the lock of ends."""
        if sequence.ended:
            return
        sequence.ended, sequence.is_cut = True, is_cut
        self._ending = threading.Thread(target=sequence.end, name="end of a sequence", daemon=True)
        self._ending.start()

    def _take(self, core: Core) -> None:
        """Take a core whose configuration is loaded: its camera, exposure and frames."""
        limits = core.property_limits(core.camera(), "Exposure") or (_SHORTEST_MS, _LONGEST_MS)
        self._limits = max(limits[0], _SHORTEST_MS), limits[1]
        wanted_ms = self._settings.exposure_ms
        exposure_ms = core.exposure_ms() if wanted_ms is None else core.set_exposure_ms(wanted_ms)
        self._spec = core.frame_spec(self._settings.pixel_size_um)
        self._core, self._exposure_ms = core, exposure_ms

    def _look(self) -> None:
        """See what frames look like now."""
        self._spec = self.core.frame_spec(self._settings.pixel_size_um)
        self._exposure_ms = self.core.exposure_ms()

    def _snap(self, core: Core, out: NDArray[Any]) -> FrameHeader | None:
        with asking("take a frame"):
            core.mmc.snapImage()
            pixels = core.mmc.getImage()
        if self._halted.is_set():
            return None
        now_ns, number = self._clock.monotonic_ns(), self._next
        self._fill(out, pixels)
        self._count(number)
        return self._header(number, now_ns)

    def _fill(self, out: NDArray[Any], pixels: NDArray[Any]) -> None:
        if pixels.shape != out.shape or pixels.dtype != out.dtype:
            raise DeviceError(
                f"the camera has delivered {pixels.dtype} of shape {pixels.shape}, where frames are "
                f"{out.dtype} of {out.shape}: something else has changed its settings"
            )
        out[:] = pixels

    def _count(self, number: int) -> None:
        if self._left is not None:
            self._left -= number + 1 - self._next
        self._next = number + 1

    def _header(self, number: int, end_ns: int) -> FrameHeader:
        """Return a header; what was exposed for longer than since the start was not exposed for so long."""
        offset_ns = self._clock.utc_ns() - self._clock.monotonic_ns()
        exposure_ns = min(round(self._exposure_ms * 1e6), max(end_ns - self._began_ns, 0))
        return FrameHeader(frame=number, time_ns=end_ns, utc_ns=end_ns + offset_ns, exposure_ns=exposure_ns)

    def _of_event(self, header: FrameHeader, place: int) -> FrameHeader:
        """Return the header of the frame at a place of a sequence with its event and its own exposure."""
        taking = self._taking
        if taking is None or place >= len(taking.events):
            return header
        exposures_ms = taking.exposures_ms
        own_ns = round(exposures_ms[place] * 1e6) if len(exposures_ms) > 1 else header.exposure_ns
        return replace(header, event=taking.events[place], exposure_ns=own_ns)

    def _monotonic_of(self, received: str) -> int:
        """Return when the core received a frame, of what it tells in local time; now if it tells nothing."""
        utc_ns, now_ns = self._clock.utc_ns(), self._clock.monotonic_ns()
        return now_ns - min(max(utc_ns - local_to_utc_ns(received, utc_ns), 0), now_ns)

    def _wait_ended(self) -> None:
        """Wait until a sequence that was stopped has ended, which takes as long as its exposure."""
        with self._end_lock:
            ending, self._ending = self._ending, None
        if ending is not None:
            ending.join()

    def _check_fits(self, out: NDArray[Any]) -> None:
        spec = self.spec
        if out.shape != spec.shape or out.dtype.name != spec.dtype:
            raise BadInputError(
                f"out must be {spec.dtype} of shape {spec.shape}, not {out.dtype} of {out.shape}"
            )


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
