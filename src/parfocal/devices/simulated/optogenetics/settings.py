"""The settings of a camera over cells that answer to light."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from parfocal.devices.simulated.microscope.settings import MicroscopeCameraSettings, NotNegative, Positive


class ProjectionSettings(BaseModel):
    """How a modulator is imaged onto the sensor: what no software knows before it has measured it.

    A pixel of the sensor, from its middle, turned by `rotation_deg`, sheared and scaled, is a mirror, from
    the middle of the modulator.

    Parameters
    ----------
    modulator, light : str
        The modulator in the simulated world, and the light that it is before.
    rotation_deg : float
        From the sensor to the modulator.
    scale : float
        Mirrors for a pixel of the sensor.
    shear : float
        How much of y is added to x.
    offset_px : tuple of float
        Where the middle of the sensor lies on the modulator, (x, y) in mirrors from its middle.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    modulator: str = "dmd"
    light: str = "stimulation"
    rotation_deg: Annotated[float, Field(ge=-180, le=180)] = 7.0
    scale: Positive = 0.95
    shear: Annotated[float, Field(ge=-0.5, le=0.5)] = 0.04
    offset_px: tuple[float, float] = (6.0, -4.0)


class ReporterSettings(BaseModel):
    """How a cell answers to light: its reporter leaves the nucleus, and comes back.

    A stimulus of dose D (power, 0 to 1, times milliseconds, times the lit part of the cell) at time s adds
    ``D * (exp(-(t-s)/off_s) - exp(-(t-s)/on_s))``, scaled to a peak of D, to the cell's drive u; its activity
    is ``u / (u + half_dose)``. With activity a the reporter is ``1 - depth*a`` of its first brightness in the
    nucleus, and ``1 + gain*a`` in the cytoplasm.

    Parameters
    ----------
    on_s, off_s : float
        Times of its rise and of its fall; the first is the shorter one.
    half_dose : float
        A dose after which, at its peak, half of the largest answer is seen.
    depth, gain : float
        The largest part that leaves the nucleus; and how much brighter the cytoplasm gets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_s: Positive = 2.0
    off_s: Positive = 60.0
    half_dose: Positive = 1.0
    depth: Annotated[float, Field(ge=0, lt=1)] = 0.6
    gain: NotNegative = 1.0


class OptogeneticsCameraSettings(MicroscopeCameraSettings):
    """A camera over a field of living cells, and a light modulator before one of the lights.

    Parameters
    ----------
    projection : table
        How the modulator is imaged onto the sensor.
    reporter : table
        How a cell answers to light.
    bleach_dose : float
        Power times milliseconds of exposure after which 1/e of the fluorescence is left.
    cycle_s : float
        Within so long every cell that was there at time 0 divides once, its daughters as long after that.
    generations : int
        How often a cell and those that come of it divide at most.
    steer_um : float
        How far a saturating stimulus on one side of a cell draws it to that side.
    steer_s : float
        How long that takes.
    stray_ms : float
        Light outside exposures counts beyond so much of it (power times milliseconds), as of a stuck shutter:
        what is lit for a moment before an exposure and after it does not.
    blocked : tuple of str
        Lights that do not reach the sample, whatever their shutters say, as behind a beam block.
    """

    projection: ProjectionSettings = ProjectionSettings()
    reporter: ReporterSettings = ReporterSettings()
    bleach_dose: Positive = 20_000.0
    cycle_s: Positive = 1800.0
    generations: Annotated[int, Field(ge=0, le=2)] = 2
    steer_um: NotNegative = 3.0
    steer_s: Positive = 5.0
    stray_ms: NotNegative = 500.0
    blocked: tuple[str, ...] = ()
    field_um: Positive = 2000.0
    spacing_um: Positive = 40.0
