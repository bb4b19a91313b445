"""Commands of the board's modules, made from their methods; and those that lease or silence outputs."""

from __future__ import annotations

from typing import Any, Literal

from parfocal.devices.redpitaya.ams import SlowOutputs
from parfocal.devices.redpitaya.asg import Asg
from parfocal.devices.redpitaya.commands.derived import Modules
from parfocal.devices.redpitaya.hk import Housekeeping, PinBank
from parfocal.devices.redpitaya.iq import Iq, IqMeasurement, Sweep
from parfocal.devices.redpitaya.memory_map import SignalName
from parfocal.devices.redpitaya.pid import Pid, Settling
from parfocal.devices.redpitaya.shared import AsgName, IqName, ModuleName, OutputName, PidName, SharedBoard
from parfocal.ipc import RECEIVER, URGENT, command, current_call

ASGS = Modules(AsgName, "{channel}", "channel")
PIDS = Modules(PidName, "{pid}", "pid")
IQS = Modules(IqName, "{iq}", "iq")
HK = Modules(Literal["hk"], "hk")
SLOW = Modules(Literal["slow"], "ams")

_REPORT_EVERY_S = 0.1
_LOOK_S = 60.0


def _lasting(d: float | None, integrator_v: float | None, **settings: Any) -> dict[str, Any]:  # noqa: ARG001
    """Return what lasts of a controller's settings: what is put into its integrator does not."""
    return settings


class ModuleCommands:
    """Each module has a lane of its own; to wait for a controller is not in the way of changing it.

    So has each lease. What needs no bus is read at once.
    """

    board: SharedBoard

    asg_setup = ASGS.changing(Asg.setup, replace=True)
    asg_set_frequency = ASGS.changing(Asg.set_frequency)
    asg_set_amplitude = ASGS.changing(Asg.set_amplitude)
    asg_set_offset = ASGS.changing(Asg.set_offset)
    asg_trigger = ASGS.calling(Asg.trigger, effect="changes")
    asg_get = ASGS.calling(Asg.state, effect="reads")
    asg_off = ASGS.silencing(Asg.off)

    pid_configure = PIDS.changing(Pid.configure, remembered=_lasting)
    pid_set_setpoint = PIDS.changing(Pid.set_setpoint)
    pid_get_setpoint = PIDS.calling(Pid.setpoint, effect="reads")
    pid_get = PIDS.calling(Pid.state, effect="reads")
    pid_off = PIDS.silencing(Pid.off)

    iq_setup = IQS.changing(Iq.setup, replace=True)
    iq_set_amplitude = IQS.changing(Iq.set_amplitude)
    iq_get = IQS.calling(Iq.state, effect="reads")
    iq_off = IQS.silencing(Iq.off)

    @PIDS.like(Pid.settle, effect="reads", lane="{pid}-settling", returns=Settling)
    def pid_wait_settled(self, pid: PidName, within_v: float, for_s: float) -> Settling:
        """Wait until a controller's input has been within `within_v` of its setpoint for `for_s`.

        Progress tells how far it is. It waits for ever unless the call has a deadline (`timeout_s`) or is
        cancelled; the controller goes on in any case.
        """
        call, next_s = current_call(), 0.0
        module: Pid = self.board.modules[pid]
        for now in module.settle(within_v, for_s, wait=call.wait):
            if now.waited_s >= next_s or now.held_s >= for_s:
                text = f"{pid} is {now.deviation_v:.4g} V off, within {within_v:g} V for {now.held_s:.3g} s"
                call.progress(min(now.held_s / for_s, 1.0) if for_s else 0.0, text)
                next_s = now.waited_s + _REPORT_EVERY_S
        return now

    @IQS.like(Iq.measure, effect="changes")
    def iq_get_measurement(self, iq: IqName, **asked: Any) -> IqMeasurement:  # noqa: D102 - as `Iq.measure`
        module: Iq = self.board.modules[iq]
        measured = module.measure(**asked, wait=current_call().wait)
        self._note_frequency(iq, asked.get("frequency_hz"), measured)
        return measured

    @IQS.like(Iq.sweep, effect="changes", returns=Sweep)
    def iq_sweep(self, frequencies_hz: list[float], iq: IqName, **asked: Any) -> Sweep:
        """Measure the transfer function at one frequency after another; progress carries what there is."""
        call, points = current_call(), []
        module: Iq = self.board.modules[iq]
        for point in module.sweep(frequencies_hz, **asked, wait=call.wait):
            points.append(point)
            self._note_frequency(iq, frequencies_hz[len(points) - 1], point)
            done = len(points) / len(frequencies_hz)
            call.progress(done, f"{point.frequency_hz:.4g} Hz", data=Sweep.of(points))
        return Sweep.of(points)

    @command(lane=RECEIVER, effect="reads")
    def known(self, module: ModuleName) -> dict[str, Any]:
        """Return what a module is known to be set to; the board is not asked. `asg_get` and such ask it."""
        return self.board.state(module)

    @command(lane="sampler", effect="reads")
    def sampler_read(self, signal: SignalName = "in1", readings: int = 1) -> float:
        """Return what a signal is right now, in volts, as the mean of some readings."""
        return self.board.pitaya.sampler.read(signal, readings=readings)

    identity = HK.calling(Housekeeping.identity, effect="reads")
    pin_read = HK.calling(Housekeeping.pin, effect="reads")
    slow_read = SLOW.calling(SlowOutputs.read, effect="reads")
    led_set = HK.changing(Housekeeping.set_led, remembered=lambda led, on: {f"led{led}": on})
    slow_set = SLOW.changing(SlowOutputs.set, remembered=lambda dac, volts: {f"dac{dac}_v": volts})

    @HK.like(Housekeeping.setup_pin, effect="changes")
    def pin_setup(self, bank: PinBank, pin: int, direction: str, on: bool) -> bool:
        """Set a digital pin's level and direction; returns the level at the pin."""
        settings = {f"{bank}{pin}": [direction, on]}
        self.board.change("hk", settings, lambda: self.board.pitaya.hk.restore(**settings))
        return self.board.pitaya.hk.pin(bank, pin)

    @command(lane="{module}-lease", effect="changes")
    def output_lease(self, module: OutputName) -> None:
        """Lease a module's output for as long as this call lasts: it is silent at the end of it.

        The end is a cancel, the call's deadline, the death of the client or of the host. Progress tells that
        the lease is held; a second lease of the same module waits for the end of the first.
        """
        call = current_call()
        with self.board.leased(module):
            call.progress(0.0, "held")
            while True:
                call.wait(_LOOK_S)

    @command(lane=URGENT, effect="stops")
    def outputs_off(self) -> None:
        """Bring every output of the board to 0 V, and forget what was declared for them.

        It overtakes everything, and a change that is under way is undone. If the board is out of reach, it is
        done when the board is back.
        """
        self.board.silence_all()

    def _note_frequency(self, iq: IqName, wanted_hz: float | None, measured: IqMeasurement) -> None:
        if wanted_hz is not None:
            self.board.change(iq, {"frequency_hz": wanted_hz}, lambda: measured.frequency_hz)
