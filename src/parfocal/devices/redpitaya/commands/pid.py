"""The controllers' commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.devices.redpitaya.pid import Pid, PidState
from parfocal.devices.redpitaya.shared import PidName
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.shared import SharedBoard


class PidCommands:
    """Each controller has a lane of its own."""

    board: SharedBoard

    @command(lane="{pid}")
    def pid_configure(
        self,
        pid: PidName = "pid0",
        *,
        setpoint_v: float | None = None,
        p: float | None = None,
        i_hz: float | None = None,
        d: float | None = None,
        input: str | None = None,
        output: str | None = None,
        min_v: float | None = None,
        max_v: float | None = None,
        input_filter_hz: list[float] | None = None,
        integrator_v: float | None = None,
        differential: bool | None = None,
        paused: bool | None = None,
    ) -> PidState:
        """Set what is given; the rest stays as it is. Returns what the board made of it.

        Parameters as of `parfocal.devices.redpitaya.pid.Pid.configure`; a `d` that is not 0 is refused.
        """
        lasting = {
            "setpoint_v": setpoint_v,
            "p": p,
            "i_hz": i_hz,
            "input": input,
            "output": output,
            "min_v": min_v,
            "max_v": max_v,
            "input_filter_hz": input_filter_hz,
            "differential": differential,
            "paused": paused,
        }
        controller = self._pid(pid)
        return self.board.change(
            pid,
            lasting,
            lambda: controller.configure(**lasting, d=d, integrator_v=integrator_v),  # type: ignore[arg-type]
        )

    @command(lane="{pid}")
    def pid_set_setpoint(self, setpoint_v: float, pid: PidName = "pid0") -> float:
        """Set the setpoint; returns what the board made of it."""
        controller = self._pid(pid)
        return self.board.change(pid, {"setpoint_v": setpoint_v}, lambda: controller.set_setpoint(setpoint_v))

    @command(lane="{pid}")
    def pid_get_setpoint(self, pid: PidName = "pid0") -> float:
        """Return the setpoint, read from the board."""
        return self._pid(pid).setpoint()

    @command(lane="{pid}")
    def pid_get(self, pid: PidName = "pid0") -> PidState:
        """Return what a controller is set to, and what its integrator holds, read from the board."""
        return self._pid(pid).state()

    @command(lane="{pid}")
    def pid_off(self, pid: PidName = "pid0") -> None:
        """Silence a controller: no output, no gains, an empty integrator."""
        self.board.silence(pid)

    def _pid(self, pid: PidName) -> Pid:
        module: Pid = self.board.modules[pid]
        return module
