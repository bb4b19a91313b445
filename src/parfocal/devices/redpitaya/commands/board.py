"""Commands for the whole board: read a signal, set pins and slow outputs, lease an output, switch off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from parfocal.devices.redpitaya.ams import SlowOutputs
from parfocal.devices.redpitaya.commands.derived import Modules
from parfocal.devices.redpitaya.hk import Housekeeping, PinBank
from parfocal.devices.redpitaya.memory_map import SignalName
from parfocal.devices.redpitaya.shared import ModuleName, OutputName
from parfocal.ipc import RECEIVER, URGENT, command, current_call

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.shared import SharedBoard

HK, SLOW = Modules(Literal["hk"], "hk"), Modules(Literal["slow"], "ams")

_LOOK_S = 60.0


class BoardCommands:
    """A lane for each of sampler, hk and ams; leases have their own. What needs no bus is read at once."""

    board: SharedBoard

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
