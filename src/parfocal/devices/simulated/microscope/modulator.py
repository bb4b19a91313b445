"""A simulated DMD before the stimulation light."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.modulation import pack_mask, unpack_mask
from parfocal.devices.faults import Faults
from parfocal.devices.simulated.microscope.sample import SharedSample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from parfocal.devices.context import DeviceContext


class DmdSettings(BaseModel):
    """Which modulator of the simulated world it is.

    Parameters
    ----------
    modulator : str
        Its name there.
    world : str
        Name of the service of kind ``simulated_world``.
    lit_fraction : float
        How much of it may be lit at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    modulator: str = "dmd"
    world: str = "world"
    lit_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0


class SimulatedModulator:
    """A field of mirrors (a `parfocal.core.protocols.LightModulator` that `TakesPackedMask`).

    What they show stands in the memory of the simulated sample: when this process is killed, they go on
    showing it. Where their light falls on the sample is the camera's business: this device does not know it.
    """

    Settings = DmdSettings

    def __init__(self, settings: DmdSettings, context: DeviceContext) -> None:
        self._settings, self._context = settings, context
        self._sample: SharedSample | None = None
        self._shape = (0, 0)
        self._faults = Faults(
            {"error": {"message": "injected fault"}, "dead": {}, "free": {}, "late": {"seconds": 1.0}}
        )
        self._dead = False

    @property
    def shape(self) -> tuple[int, int]:
        """Its mirrors, (y, x)."""
        return self._shape

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return how much of it may be lit."""
        return {"lit_fraction": (0.0, self._settings.lit_fraction)}

    def open(self) -> None:
        """Find the world, and blank the mirrors."""
        if self._context.folder is None:
            raise DeviceError("the simulated DMD needs a rig with a folder and a world")
        sample = SharedSample(self._context.folder, self._settings.world)
        self._shape = sample.pattern(self._settings.modulator).shape
        self._sample = sample
        self.make_safe()

    def close(self) -> None:
        """Blank the mirrors, and let go of the world."""
        self.make_safe()
        self._sample = None

    def make_safe(self) -> None:
        """Blank the mirrors; those that are dead stay as they are."""
        if self._sample is not None and not self._dead:
            self._set(bytes(-(-math.prod(self._shape) // 8)))

    def state(self) -> dict[str, Any]:
        """Return which modulator it is."""
        return {"device": "simulated DMD", **self._settings.model_dump(mode="json"), "shape": self._shape}

    def show(self, pattern: NDArray[np.uint8]) -> None:
        """Turn the mirrors."""
        if pattern.shape != self._shape:
            raise BadInputError(f"a pattern has the shape {self._shape}, not {pattern.shape}")
        self.show_packed(pack_mask(pattern))

    def show_packed(self, bits: bytes) -> None:
        """Turn the mirrors."""
        self._opened()
        self._disturb()
        if not self._dead:
            self._set(bits)

    def shown(self) -> NDArray[np.uint8]:
        """Return where the mirrors stand."""
        return unpack_mask(self.shown_packed(), self._shape)

    def shown_packed(self) -> bytes:
        """Return where the mirrors stand, packed."""
        return self._opened().pattern(self._settings.modulator).bits

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen at the next `show`.

        "error" once, "late" once (it takes some seconds), or "dead": no mirror moves any more until "free".
        """
        self._faults.inject(kind, details)

    def _set(self, bits: bytes) -> None:
        now_ns = self._context.clock.monotonic_ns()
        self._opened().set_pattern(self._settings.modulator, bits, now_ns)

    def _disturb(self) -> None:
        """Let the faults that wait happen now."""
        if not self._faults.are_waiting:
            return
        if (fault := self._faults.take("error")) is not None:
            raise DeviceError(str(fault["message"]))
        if self._faults.take("dead") is not None:
            self._dead = True
        if self._faults.take("free") is not None:
            self._dead = False
        if (fault := self._faults.take("late")) is not None:
            self._context.clock.wait(_NEVER, float(fault["seconds"]))

    def _opened(self) -> SharedSample:
        if self._sample is None:
            raise DeviceError("the simulated DMD is closed; open it first")
        return self._sample


_NEVER = threading.Event()
