"""The settings of the simulated microscope's camera and sample."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LightResponse(BaseModel):
    """What one light shows through one filter, as parts of `light_e_per_ms`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nucleus: NotNegative = 0.0
    cytoplasm: NotNegative = 0.0
    background: NotNegative = 0.0


def _responses() -> dict[str, dict[str, LightResponse]]:
    glow = LightResponse(background=0.5)
    return {
        "excitation": {
            "open": LightResponse(nucleus=0.4, cytoplasm=0.4, background=0.1),
            "nucleus": LightResponse(nucleus=1.0, background=0.02),
            "cytoplasm": LightResponse(cytoplasm=1.0, background=0.02),
        },
        "stimulation": {"open": glow, "nucleus": glow, "cytoplasm": glow},
    }


class MicroscopeCameraSettings(BaseModel):
    """A camera over a field of moving cells.

    Parameters
    ----------
    width_px, height_px, bits, pixel_size_um
        The sensor.
    binning, region
        Pixels along an edge that make one; and x, y, width and height of what is read of the sensor, in its
        own pixels, None for all of it. Both can be changed by commands.
    exposure_ms, readout_ms
        The exposure at the beginning; and from the end of one until its frame is there, when the next may
        begin.
    light_e_per_ms
        Electrons in a pixel of a bright nucleus for each millisecond, at full power through its own filter.
    gain_e_per_adu, offset_adu, read_noise_e
        Electrons for one count, counts without light, RMS of the read noise.
    filters, responses
        The filters of the wheel in order, as its own settings name them; and by light and filter what is
        seen: a light that is not named here is not seen.
    field_um, spacing_um, radius_um, roam_um
        Edge of the square with cells around (0, 0); mean distance of two cells; radius of a nucleus; how far
        a cell moves from its home.
    focus_um, focus_drift_um_per_s, focus_tilt
        Height of the stage at which the middle of the sample is in focus when the run, or the world, begins;
        by how much that rises each second, and for each um along x and along y. The farther the stage is from
        it, the more blurred is the image.
    world
        Name of the service of kind ``simulated_world`` whose lights shine on the sample.
    seed
        The same seed makes the same sample; and for the same event of a plan the same noise.
    truth_frames
        Frames whose truth is remembered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width_px: Annotated[int, Field(ge=8, le=8192)] = 512
    height_px: Annotated[int, Field(ge=8, le=8192)] = 512
    bits: Annotated[int, Field(ge=9, le=16)] = 16
    pixel_size_um: Positive = 0.65
    binning: int = 1
    region: tuple[int, int, int, int] | None = None
    exposure_ms: Positive = 20.0
    readout_ms: NotNegative = 0.0
    light_e_per_ms: Positive = 200.0
    gain_e_per_adu: Positive = 1.0
    offset_adu: NotNegative = 100.0
    read_noise_e: NotNegative = 2.0
    filters: Annotated[list[str], Field(min_length=1)] = ["open", "nucleus", "cytoplasm"]
    responses: dict[str, dict[str, LightResponse]] = Field(default_factory=_responses)
    field_um: Positive = 4000.0
    spacing_um: Positive = 33.0
    radius_um: Positive = 5.0
    roam_um: NotNegative = 6.0
    focus_um: Finite = 0.0
    focus_drift_um_per_s: Finite = 0.0
    focus_tilt: tuple[Finite, Finite] = (0.0, 0.0)
    world: str = "world"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    truth_frames: Annotated[int, Field(ge=1)] = 256

    @property
    def dtype(self) -> str:
        """Name of the pixel type in numpy."""
        return "uint16"

    def focus_at(self, x_um: float, y_um: float, time_s: float) -> float:
        """Return at which height of the stage a place of the sample is in focus, um.

        Examples
        --------
        >>> MicroscopeCameraSettings(focus_um=5, focus_drift_um_per_s=0.1).focus_at(300, 0, 20)
        7.0
        """
        along_x, along_y = self.focus_tilt
        return self.focus_um + self.focus_drift_um_per_s * time_s + along_x * x_um + along_y * y_um
