"""How a cell answers to light: kinetics of its reporter, bleaching, and where it is drawn. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.simulated.optogenetics.settings import OptogeneticsCameraSettings, ReporterSettings

STATE_DTYPE = np.dtype(
    [
        ("touched", "<f8"),
        ("time_s", "<f8"),
        ("slow", "<f8"),
        ("fast", "<f8"),
        ("dose", "<f8"),
        ("bleach", "<f8"),
        ("x_um", "<f8"),
        ("y_um", "<f8"),
        ("target_x_um", "<f8"),
        ("target_y_um", "<f8"),
    ]
)
"""What light did to a cell until `time_s`: two drives, dose, bleaching, how far it is drawn, and will be."""


class ReporterKinetics:
    """What a cell does with the light that falls on it.

    Parameters
    ----------
    settings : OptogeneticsCameraSettings
        Its times and strengths.

    Examples
    --------
    >>> from parfocal.devices.simulated.optogenetics.settings import OptogeneticsCameraSettings
    >>> kinetics = ReporterKinetics(OptogeneticsCameraSettings())
    >>> lit = kinetics.lit(np.zeros(1, STATE_DTYPE), dose=1.0, towards=np.zeros((2, 1)))
    >>> [round(float(kinetics.activity(kinetics.after(lit, seconds))[0]), 2) for seconds in (0.0, 7.0, 300.0)]
    [0.0, 0.5, 0.01]
    """

    def __init__(self, settings: OptogeneticsCameraSettings) -> None:
        self._settings, self._reporter = settings, settings.reporter
        self._scale = 1.0 / _peak(settings.reporter)

    def after(self, state: NDArray[Any], time_s: float) -> NDArray[Any]:
        """Return the state of cells as it is at a time; one that lies before leaves it."""
        later = state.copy()
        gone_s = np.maximum(time_s - state["time_s"], 0.0)
        later["time_s"] = np.maximum(time_s, state["time_s"])
        later["slow"] *= np.exp(-gone_s / self._reporter.off_s)
        later["fast"] *= np.exp(-gone_s / self._reporter.on_s)
        rest = np.exp(-gone_s / self._settings.steer_s)
        for axis in ("x_um", "y_um"):
            target = state[f"target_{axis}"]
            later[axis] = target + (state[axis] - target) * rest
        return later

    def lit(self, state: NDArray[Any], *, dose: Any, towards: NDArray[Any]) -> NDArray[Any]:
        """Return the state of cells after a dose, which draws them `towards` (2, n), at most 1 long."""
        after = state.copy()
        for drive in ("slow", "fast", "dose"):
            after[drive] += dose
        reach_um = self._settings.steer_um * dose / (dose + self._reporter.half_dose)
        for axis, way in zip(("target_x_um", "target_y_um"), towards, strict=True):
            after[axis] += reach_um * way
        return after

    def activity(self, state: NDArray[Any]) -> NDArray[np.float64]:
        """Return how active cells are, 0 to 1."""
        drive = np.maximum(self._scale * (state["slow"] - state["fast"]), 0.0)
        return np.asarray(drive / (drive + self._reporter.half_dose))

    def remaining(self, state: NDArray[Any]) -> NDArray[np.float64]:
        """Return the part of the fluorescence that is not bleached."""
        return np.asarray(np.exp(-state["bleach"] / self._settings.bleach_dose))

    def nucleus(self, activity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the reporter in the nucleus, 1 at rest."""
        return 1.0 - self._reporter.depth * activity

    def cytoplasm(self, activity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the reporter in the cytoplasm, 1 at rest."""
        return 1.0 + self._reporter.gain * activity


def _peak(reporter: ReporterSettings) -> float:
    """Return the largest value of the difference of the two exponentials."""
    on, off = sorted((reporter.on_s, reporter.off_s))
    if np.isclose(on, off):
        return float("inf")
    at_s = np.log(off / on) * on * off / (off - on)
    return float(np.exp(-at_s / off) - np.exp(-at_s / on))
