"""The generators' commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.asg import Asg, AsgState
from parfocal.devices.redpitaya.shared import AsgName
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.shared import SharedBoard


class AsgCommands:
    """Each generator has a lane of its own."""

    board: SharedBoard

    @command(lane="{channel}")
    def asg_setup(
        self,
        channel: AsgName = "asg0",
        waveform: str = "sin",
        *,
        frequency_hz: float = 1e3,
        amplitude_v: float = 0.0,
        offset_v: float = 0.0,
        phase_deg: float = 0.0,
        output: str = "off",
        trigger_source: str = "immediately",
        cycles_per_burst: int = 0,
        bursts: int = 1,
        burst_delay_s: float = 0.0,
        samples: NDArray[np.float64] | None = None,
    ) -> AsgState:
        """Set up a generator from silence, and trigger it. Returns what the board made of it.

        Parameters as of `parfocal.devices.redpitaya.asg.Asg.setup`.
        """
        settings: dict[str, Any] = {
            "waveform": waveform,
            "frequency_hz": frequency_hz,
            "amplitude_v": amplitude_v,
            "offset_v": offset_v,
            "phase_deg": phase_deg,
            "output": output,
            "trigger_source": trigger_source,
            "cycles_per_burst": cycles_per_burst,
            "bursts": bursts,
            "burst_delay_s": burst_delay_s,
            "samples": samples,
        }
        generator = self._asg(channel)
        return self.board.change(channel, settings, lambda: generator.setup(**settings), anew=True)

    @command(lane="{channel}")
    def asg_set_frequency(self, frequency_hz: float, channel: AsgName = "asg0") -> float:
        """Change the frequency without a jump in phase; returns what the board made of it."""
        generator = self._asg(channel)
        return self.board.change(
            channel, {"frequency_hz": frequency_hz}, lambda: generator.set_frequency(frequency_hz)
        )

    @command(lane="{channel}")
    def asg_set_amplitude(self, amplitude_v: float, channel: AsgName = "asg0") -> float:
        """Change the amplitude; returns what the board made of it."""
        generator = self._asg(channel)
        return self.board.change(
            channel, {"amplitude_v": amplitude_v}, lambda: generator.set_amplitude(amplitude_v)
        )

    @command(lane="{channel}")
    def asg_set_offset(self, offset_v: float, channel: AsgName = "asg0") -> float:
        """Change the offset; returns what the board made of it."""
        generator = self._asg(channel)
        return self.board.change(channel, {"offset_v": offset_v}, lambda: generator.set_offset(offset_v))

    @command(lane="{channel}")
    def asg_trigger(self, channel: AsgName = "asg0") -> None:
        """Start the waveform, or its bursts, from the start phase. Never repeated by itself."""
        self._asg(channel).trigger()

    @command(lane="{channel}")
    def asg_get(self, channel: AsgName = "asg0") -> AsgState:
        """Return what a generator is set to, read from the board."""
        return self._asg(channel).state()

    @command(lane="{channel}")
    def asg_off(self, channel: AsgName = "asg0") -> None:
        """Silence a generator."""
        self.board.silence(channel)

    def _asg(self, channel: AsgName) -> Asg:
        module: Asg = self.board.modules[channel]
        return module
