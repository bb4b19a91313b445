"""The camera of a core, and the core with it: it is made when the camera is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.camera_region import checked_region
from parfocal.devices.device_commands import reshapes
from parfocal.devices.micromanager.configuration import DEMO
from parfocal.devices.micromanager.core import Core
from parfocal.devices.micromanager.core_devices import Value
from parfocal.devices.micromanager.frame_taker import FrameTaker
from parfocal.devices.micromanager.load_lock import LoadLock
from parfocal.devices.micromanager.mmcore import asking, library_versions
from parfocal.ipc import command

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader, FrameSpec
    from parfocal.devices.context import DeviceContext

_SHORTEST_MS = 1e-3
_LONGEST_MS = 1e7


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
    frames : FrameTaker
        Takes the frames, also those that a call asks for as one sequence.
    """

    Settings = CoreSettings

    def __init__(self, settings: CoreSettings, context: DeviceContext) -> None:
        self._settings = settings
        self.load_lock = LoadLock()
        self._core: Core | None = None
        self._spec: FrameSpec | None = None
        self._configuration = settings.configuration
        self._limits = _SHORTEST_MS, _LONGEST_MS
        self.frames = FrameTaker(context.clock)

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
            self.frames.wait_ended()
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
            "exposure_ms": self.frames.exposure_ms,
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
        """Begin to expose `count` frames, or until `stop`; frame numbers go on."""
        self.frames.start(self.core, count)

    def stop(self) -> None:
        """End the sequence; the exposure under way ends by itself, and is waited for by the next `start`."""
        self.frames.stop()

    def abort(self) -> None:
        """End the sequence now: the frame under way never comes. Any thread."""
        self.frames.stop()

    def is_running(self) -> bool:
        """Whether frames are still to come."""
        return self.frames.is_running()

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Wait for the next frame, and copy it; a gap in the camera's own numbers is one in ours."""
        core, spec = self.core, self.spec
        if out.shape != spec.shape or out.dtype.name != spec.dtype:
            raise BadInputError(
                f"out must be {spec.dtype} of shape {spec.shape}, not {out.dtype} of {out.shape}"
            )
        return self.frames.read_into(core, out, timeout_s)

    @property
    def takes_sequences(self) -> bool:
        """Whether runs may have it take sequences for several events."""
        return self._settings.sequences

    def exposure_ms(self) -> float:
        """Return the exposure, as it was read back."""
        self.core  # noqa: B018 (it is open)
        return self.frames.exposure_ms

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; return what is read back."""
        if not 0 < exposure_ms < float("inf"):
            raise BadInputError(f"exposure_ms must be positive and finite, not {exposure_ms}")
        if not self.is_running():
            self.frames.wait_ended()
        self.frames.exposure_ms = self.core.set_exposure_ms(exposure_ms)
        return self.frames.exposure_ms

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
        self.frames.wait_ended()
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
        self.frames.wait_ended()
        with asking(f"read the region {region}"):
            self.core.mmc.setROI(*region)
        self._look()
        return self.region()

    @reshapes
    @command(effect="changes")
    def clear_region(self) -> tuple[int, int, int, int]:
        """Read the whole sensor again; returns the region that is read."""
        self.frames.wait_ended()
        with asking("read the whole sensor"):
            self.core.mmc.clearROI()
        self._look()
        return self.region()

    def load_configuration(self, configuration: str) -> None:
        """Load another configuration; one that fails leaves the one that was loaded, loaded anew."""
        self.frames.wait_ended()
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

    def _take(self, core: Core) -> None:
        """Take a core whose configuration is loaded: its camera, exposure and frames."""
        limits = core.property_limits(core.camera(), "Exposure") or (_SHORTEST_MS, _LONGEST_MS)
        self._limits = max(limits[0], _SHORTEST_MS), limits[1]
        wanted_ms = self._settings.exposure_ms
        exposure_ms = core.exposure_ms() if wanted_ms is None else core.set_exposure_ms(wanted_ms)
        self._spec = core.frame_spec(self._settings.pixel_size_um)
        self._core, self.frames.exposure_ms = core, exposure_ms

    def _look(self) -> None:
        """See what frames look like now."""
        self._spec = self.core.frame_spec(self._settings.pixel_size_um)
        self.frames.exposure_ms = self.core.exposure_ms()
