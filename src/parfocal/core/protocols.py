"""The seams: narrow protocols that siblings meet through. Optional powers are protocols of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader, FrameSpec


@runtime_checkable
class Device(Protocol):
    """Anything that is opened, brought to a safe state, and closed."""

    def open(self) -> None:
        """Take hold of the hardware. Raises `DeviceError` naming what failed; then nothing is held."""
        ...

    def make_safe(self) -> None:
        """Bring every output to its safe value. Idempotent, quick, and never raises for being closed."""
        ...

    def close(self) -> None:
        """Let go of the hardware. Idempotent."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what the device is set to now, as plain values: the record of a run keeps it."""
        ...


@runtime_checkable
class Camera(Device, Protocol):
    """A device that makes frames. Called by one thread at a time."""

    @property
    def spec(self) -> FrameSpec:
        """What its frames look like. Fixed while open."""
        ...

    def start(self, count: int | None = None) -> None:
        """Begin to expose: `count` frames, or until `stop`. Frame numbers go on from the last sequence."""
        ...

    def stop(self) -> None:
        """End the sequence. Idempotent."""
        ...

    def is_running(self) -> bool:
        """Whether a sequence is on: started, and neither stopped nor at its count."""
        ...

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Wait for the next frame and fill `out` (shape and dtype of `spec`) with it.

        Returns
        -------
        FrameHeader or None
            None if no frame came within `timeout_s`; `out` is then unspecified.

        Raises
        ------
        DeviceError
            If the camera failed.
        """
        ...

    def exposure_ms(self) -> float:
        """Return the exposure of one frame, milliseconds."""
        ...

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; return what the camera made of it."""
        ...


@runtime_checkable
class HasFrameRate(Protocol):
    """A camera whose frame rate can be set."""

    def frame_rate_hz(self) -> float:
        """Return the frames in a second."""
        ...

    def set_frame_rate_hz(self, frame_rate_hz: float) -> float:
        """Set the frame rate; return what the camera made of it. The exposure may be cut to the period."""
        ...


@runtime_checkable
class Stage(Device, Protocol):
    """A device that moves something along named axes, such as ``("z",)`` for a focus motor; nanometres."""

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of its axes."""
        ...

    def limits_nm(self, axis: str) -> tuple[float, float]:
        """Return the lowest and highest position of `axis`."""
        ...

    def position_nm(self, axis: str) -> float:
        """Return the position read back now."""
        ...

    def move_to(self, axis: str, position_nm: float) -> None:
        """Begin to move; returns at once. Raises `BadInputError` outside the limits, before it moves."""
        ...

    def is_moving(self, axis: str) -> bool:
        """Whether `axis` is not yet at its target."""
        ...

    def halt(self) -> None:
        """Stop every axis where it is."""
        ...


@runtime_checkable
class LightSource(Device, Protocol):
    """A lamp, laser or LED line. Its safe value is off."""

    def power(self) -> float:
        """Return the power read back, as a fraction of the maximum, 0 to 1."""
        ...

    def set_power(self, fraction: float) -> None:
        """Set the power, 0 to 1; raises `BadInputError` outside."""
        ...


@runtime_checkable
class CanFail(Protocol):
    """A simulated device that can be told to fail."""

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make the fault `kind` happen; raises `BadInputError` naming the kinds that exist."""
        ...


@runtime_checkable
class KnowsTruth(Protocol):
    """A simulated camera that knows what its frames show."""

    @property
    def truth_dtype(self) -> np.dtype[Any]:
        """The structured type of the rows that `ground_truth` returns."""
        ...

    def ground_truth(self, frame: int) -> NDArray[Any]:
        """Return a structured array of what frame number `frame` shows, one row for each object."""
        ...
