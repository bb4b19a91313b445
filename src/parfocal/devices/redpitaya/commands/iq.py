"""The commands of the IQ modules: set up, measure, sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.iq import Iq, IqState, Measurement
from parfocal.devices.redpitaya.shared import IqName
from parfocal.ipc import command, current_call

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.shared import SharedBoard


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A network analyser's curve.

    Attributes
    ----------
    frequency_hz : ndarray of float64
        As the board had them.
    transfer : ndarray of complex128
        Input over the module's sine, at each frequency.
    """

    frequency_hz: NDArray[np.float64]
    transfer: NDArray[np.complex128]

    @classmethod
    def of(cls, points: list[Measurement]) -> Sweep:
        """Return the curve through some points."""
        return cls(
            np.array([point.frequency_hz for point in points], np.float64),
            np.array([point.transfer for point in points], np.complex128),
        )


class IqCommands:
    """Each module has a lane of its own."""

    board: SharedBoard

    @command(lane="{iq}")
    def iq_setup(
        self,
        iq: IqName = "iq0",
        *,
        frequency_hz: float = 1e3,
        amplitude_v: float = 0.0,
        input: str = "in1",
        output: str = "off",
        output_signal: str = "output_direct",
        phase_deg: float = 0.0,
        bandwidth_hz: list[float] | float = 100.0,
        acbandwidth_hz: float = 0.0,
        gain: float = 0.0,
        quadrature_factor: float = 1.0,
    ) -> IqState:
        """Set up a module, and switch it on. Returns what the board made of it.

        Parameters as of `parfocal.devices.redpitaya.iq.Iq.setup`.
        """
        settings = {
            "frequency_hz": frequency_hz,
            "amplitude_v": amplitude_v,
            "input": input,
            "output": output,
            "output_signal": output_signal,
            "phase_deg": phase_deg,
            "bandwidth_hz": bandwidth_hz,
            "acbandwidth_hz": acbandwidth_hz,
            "gain": gain,
            "quadrature_factor": quadrature_factor,
        }
        module = self._iq(iq)
        return self.board.change(iq, settings, lambda: module.setup(**settings), anew=True)  # type: ignore[arg-type]

    @command(lane="{iq}")
    def iq_set_amplitude(self, amplitude_v: float, iq: IqName = "iq0") -> float:
        """Change the sine's amplitude; returns what the board made of it."""
        module = self._iq(iq)
        return self.board.change(iq, {"amplitude_v": amplitude_v}, lambda: module.set_amplitude(amplitude_v))

    @command(lane="{iq}")
    def iq_get_measurement(
        self,
        iq: IqName = "iq0",
        *,
        frequency_hz: float | None = None,
        averaging_s: float = 0.01,
        settling_s: float = 0.0,
    ) -> Measurement:
        """Change the frequency if one is given, wait `settling_s`, demodulate for `averaging_s`."""
        measured = self._iq(iq).measure(
            frequency_hz=frequency_hz,
            averaging_s=averaging_s,
            settling_s=settling_s,
            wait=current_call().wait,
        )
        self._note_frequency(iq, frequency_hz, measured)
        return measured

    @command(lane="{iq}")
    def iq_sweep(
        self,
        frequencies_hz: list[float],
        iq: IqName = "iq0",
        *,
        averaging_s: float = 0.01,
        settling_s: float = 0.0,
    ) -> Sweep:
        """Measure the transfer function at one frequency after another; progress carries what there is."""
        call, points = current_call(), []
        for point in self._iq(iq).sweep(
            frequencies_hz, averaging_s=averaging_s, settling_s=settling_s, wait=call.wait
        ):
            points.append(point)
            self._note_frequency(iq, frequencies_hz[len(points) - 1], point)
            call.progress(
                len(points) / len(frequencies_hz), f"{point.frequency_hz:.4g} Hz", data=Sweep.of(points)
            )
        return Sweep.of(points)

    @command(lane="{iq}")
    def iq_get(self, iq: IqName = "iq0") -> IqState:
        """Return what a module is set to, read from the board."""
        return self._iq(iq).state()

    @command(lane="{iq}")
    def iq_off(self, iq: IqName = "iq0") -> None:
        """Silence a module."""
        self.board.silence(iq)

    def _note_frequency(self, iq: IqName, wanted_hz: float | None, measured: Measurement) -> None:
        if wanted_hz is not None:
            self.board.change(iq, {"frequency_hz": wanted_hz}, lambda: measured.frequency_hz)

    def _iq(self, iq: IqName) -> Iq:
        module: Iq = self.board.modules[iq]
        return module
