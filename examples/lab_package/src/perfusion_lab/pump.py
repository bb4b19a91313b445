"""A syringe pump: infusions that are watched and cancelled, telemetry, standing still at every exit."""

import threading
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import RowSpec
from parfocal.ipc import URGENT, command, current_call
from parfocal.processes import Service, ServiceContext
from parfocal.streams import StreamWriter
from perfusion_lab.syringe import SimulatedSyringe

ROW = np.dtype([("time_ns", "<i8"), ("rate_ul_per_min", "<f8"), ("pumped_ul", "<f8")])


class PumpSettings(BaseModel):
    """What a rig file may say under ``settings``.

    Parameters
    ----------
    syringe_ul : float
        What the full syringe holds.
    highest_rate_ul_per_min : float
        A faster infusion is refused.
    telemetry_s : float
        How often rate and volume are told as a row.
    port : str
        Of the pump, such as "/dev/ttyUSB0"; "" for the simulated one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    syringe_ul: Annotated[float, Field(gt=0)] = 1000.0
    highest_rate_ul_per_min: Annotated[float, Field(gt=0)] = 500.0
    telemetry_s: Annotated[float, Field(gt=0)] = 0.1
    port: str = ""


class SyringePump(Service):
    """Infuses; the stream of its name holds ``time_ns``, ``rate_ul_per_min`` and ``pumped_ul``."""

    Config = PumpSettings
    settings: PumpSettings

    def __init__(self, settings: PumpSettings) -> None:
        super().__init__(settings)
        self._lock = threading.Lock()  # of the syringe, and of how often it was stopped
        self._syringe: SimulatedSyringe | None = None
        self._stops = 0

    @property
    def resources(self) -> frozenset[str]:
        """The port, which no other process of this machine may have."""
        return frozenset({f"serial:{self.settings.port}"} if self.settings.port else ())

    def open(self, context: ServiceContext) -> None:
        """Take hold of the pump, which stands still, and make the stream."""
        if self.settings.port:
            raise DeviceError(f"no pump answers at {self.settings.port}: leave `port` out to simulate one")
        self.context = context
        self._syringe = SimulatedSyringe(self.settings.syringe_ul, context.clock)
        self._rows = StreamWriter(context.streams, context.service, RowSpec.of(ROW), slots=1 << 14)

    def step(self) -> float:
        """Tell rate and volume; return the seconds until the next row."""
        with self._lock:
            row = (self.context.clock.monotonic_ns(), self._syringe.rate(), self._syringe.pumped_ul())
        self._rows.write_rows(np.array([row], ROW))
        return self.settings.telemetry_s

    @command(lane="infuse", effect="changes")
    def infuse(self, volume_ul: float, rate_ul_per_min: float) -> float:
        """Infuse a volume; returns what was infused, microlitres.

        It tells how far it is. Cancelled, past its deadline or stopped, the pump stands still at once.
        """
        self._check(volume_ul, rate_ul_per_min)
        call = current_call()
        with self._lock:
            begin_ul, stops = self._syringe.pumped_ul(), self._stops
            end_ul = min(begin_ul + volume_ul, self.settings.syringe_ul)
            self._syringe.set_rate(rate_ul_per_min)
        try:
            while (now_ul := self._pumped_ul()) < end_ul:
                done_ul = now_ul - begin_ul
                if self._stops != stops or self.context.stopping.is_set():
                    raise DeviceError(f"was stopped after {done_ul:.1f} of {volume_ul:.1f} ul")
                call.progress(done_ul / volume_ul, f"{done_ul:.1f} of {volume_ul:.1f} ul")
                call.wait(min(0.05, (volume_ul - done_ul) / rate_ul_per_min * 60))
        finally:
            self.make_safe()
        return self._pumped_ul() - begin_ul

    @command(lane=URGENT, effect="stops")
    def stop(self) -> None:
        """Stop an infusion at once: its call fails."""
        self.make_safe()

    @command(lane="infuse", effect="changes")
    def refill(self) -> float:
        """Say that the syringe is full again; returns what is in it."""
        with self._lock:
            self._syringe.refill()
        return self.settings.syringe_ul

    @command(lane="read", effect="reads")
    def left_ul(self) -> float:
        """Return what is left in the syringe."""
        return self.settings.syringe_ul - self._pumped_ul()

    @command(lane="read", effect="reads")
    def rate_ul_per_min(self) -> float:
        """Return the rate now; 0 while nothing is infused."""
        with self._lock:
            return self._syringe.rate()

    def make_safe(self) -> None:
        """Stand still: called on every way out, from any thread, also before the pump is there."""
        with self._lock:
            self._stops += 1
            if self._syringe is not None:
                self._syringe.set_rate(0.0)

    def state(self) -> dict[str, float]:
        """Return what the record of a run keeps."""
        return {"rate_ul_per_min": self.rate_ul_per_min(), "pumped_ul": self._pumped_ul()}

    def close(self) -> None:
        """End the stream."""
        self._rows.close()

    def _check(self, volume_ul: float, rate_ul_per_min: float) -> None:
        highest, left_ul = self.settings.highest_rate_ul_per_min, self.left_ul()
        if not 0 < rate_ul_per_min <= highest:
            raise BadInputError(f"rate_ul_per_min must be above 0, up to {highest}, not {rate_ul_per_min}")
        if not 0 < volume_ul <= left_ul:
            raise BadInputError(
                f"volume_ul must be above 0, up to the {left_ul:.1f} left in the syringe, not {volume_ul}"
            )

    def _pumped_ul(self) -> float:
        with self._lock:
            return self._syringe.pumped_ul()
