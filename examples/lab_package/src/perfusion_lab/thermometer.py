"""A thermometer: a row of telemetry now and then, a command, and a line for the log."""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.frames import RowSpec
from parfocal.ipc import command
from parfocal.processes import Service, ServiceContext
from parfocal.streams import StreamWriter

ROW = np.dtype([("time_ns", "<i8"), ("temperature_c", "<f8")])


class ThermometerSettings(BaseModel):
    """What a rig file may say under ``settings``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_s: Annotated[float, Field(gt=0)] = 1.0


class Thermometer(Service):
    """Tells the temperature; the stream of its name holds ``time_ns`` and ``temperature_c``."""

    Config = ThermometerSettings
    settings: ThermometerSettings

    def open(self, context: ServiceContext) -> None:
        """Make the stream; a real one takes hold of its sensor here."""
        self.context = context
        self._rows = StreamWriter(context.streams, context.service, RowSpec.of(ROW), slots=1 << 12)

    def step(self) -> float:
        """Tell the temperature; return the seconds until the next row."""
        now_ns = self.context.clock.monotonic_ns()
        self._rows.write_rows(np.array([(now_ns, self.temperature_c())], ROW))
        return self.settings.every_s

    @command(effect="reads")
    def temperature_c(self) -> float:
        """Return the temperature now, degrees Celsius."""
        minutes = self.context.clock.monotonic_ns() / 60e9
        return 37.0 + 0.2 * float(np.sin(minutes))  # a real one asks its sensor

    def health_line(self) -> str:
        """Return the temperature for the log."""
        return f"{self.temperature_c():.2f} C"

    def close(self) -> None:
        """End the stream."""
        self._rows.close()
