"""The whole board: its modules by name, and `make_safe`, which brings every output to 0 V."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import DeviceError
from parfocal.devices.redpitaya.ams import SlowOutputs
from parfocal.devices.redpitaya.asg import Asg
from parfocal.devices.redpitaya.board import Board, SlotModule
from parfocal.devices.redpitaya.hk import Housekeeping
from parfocal.devices.redpitaya.iq import Iq
from parfocal.devices.redpitaya.pid import Pid
from parfocal.devices.redpitaya.sampler import Sampler
from parfocal.devices.redpitaya.scope import Scope
from parfocal.devices.redpitaya.trace import UNCALIBRATED, Calibration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parfocal.devices.redpitaya.link import Link

GATEWARE_ID = 1


class RedPitaya:
    """The modules of one board. Any thread may call any of them.

    Parameters
    ----------
    link : Link
        The way to the board: a `TcpLink`, or a `SimulatedBoard`. It is closed with the board.
    calibration : tuple of Calibration
        Of in1 and in2.
    numbers : iterator of int, optional
        Of the scope's traces: 1, 2, 3, ... by default.
    clock : Clock
        For time limits and time stamps.

    Raises
    ------
    DeviceError
        If the board runs another gateware.

    Examples
    --------
    >>> from parfocal.devices.redpitaya.simulated.board import SimulatedBoard
    >>> board = RedPitaya(SimulatedBoard())
    >>> board.asgs[0].setup("sin", frequency_hz=1e3, amplitude_v=0.5, output="out1").frequency_hz
    1000.0076144933699
    >>> trace = board.scope.acquire(input="in1", decimation=64, averaging=False)
    >>> float(trace.volts.max()), float(trace.time_s[0])
    (0.4998779296875, 5.12e-07)
    >>> board.close()
    """

    def __init__(
        self,
        link: Link,
        *,
        calibration: tuple[Calibration, Calibration] = (UNCALIBRATED, UNCALIBRATED),
        numbers: Iterator[int] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.board = Board(link, calibration=calibration)
        self.hk = Housekeeping(self.board)
        found = self.hk.gateware_id()
        if found != GATEWARE_ID:
            raise DeviceError(
                f"the board has gateware {found} instead of {GATEWARE_ID}; load pyrpl's bitstream first"
            )
        self.scope = Scope(self.board, numbers=numbers, clock=clock)
        self.asgs = tuple(Asg(self.board, channel) for channel in range(Asg.count))
        self.pids = tuple(Pid(self.board, index, clock=clock) for index in range(Pid.count))
        self.iqs = tuple(Iq(self.board, index, clock=clock) for index in range(Iq.count))
        self.sampler = Sampler(self.board)
        self.slow = SlowOutputs(self.board)
        slots: list[SlotModule] = [*self.asgs, *self.iqs, *self.pids]
        self.modules: dict[str, Any] = {module.name: module for module in slots}
        self.modules |= {"slow": self.slow, "hk": self.hk, "scope": self.scope}

    def make_safe(self) -> None:
        """Bring every output to 0 V: generators, controllers, modulators, slow outputs, digital pins.

        Each is tried even if one before it failed; the first failure is raised at the end.
        """
        failures: list[DeviceError] = []
        for name, module in self.modules.items():
            try:
                if name != "scope":
                    module.off()
            except DeviceError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def state(self) -> dict[str, Any]:
        """Return what everything is set to now, as plain values and frozen snapshots."""
        return {name: module.state() for name, module in self.modules.items()}

    def close(self) -> None:
        """Let go of the board; its outputs stay as they are. Idempotent."""
        self.board.close()
