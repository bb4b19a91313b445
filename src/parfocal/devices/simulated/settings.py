"""The settings of the simulated camera."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Part = Annotated[float, Field(ge=0, le=1)]


class SimulatedCameraSettings(BaseModel):
    """What the simulated camera is like, and what lies before it.

    Parameters
    ----------
    width_px, height_px, bits, pixel_size_um
        The sensor: 1 to 8 bits make uint8 frames, 9 to 16 uint16.
    frame_rate_hz, exposure_ms
        The exposure is cut to the period.
    light_e_per_ms
        Electrons in a pixel of the brightest background for each millisecond of exposure, at full light.
    binning, region
        Pixels along an edge that make one; and x, y, width and height of what is read of the sensor, in its
        own pixels, None for all of it. Both can be changed by commands.
    gain_e_per_adu
        Electrons for one count; 0 chooses 1 for 16 bits, and for fewer bits what puts the background of the
        first exposure at 40 % of the range.
    offset_adu, read_noise_e
        Counts without light, and RMS of the read noise.
    beads, stuck, double, lost
        How many, and which part of them is stuck to the glass, hangs on two tethers, or comes loose; the
        others hang on one.
    double_apart, lost_after_s
        How far apart two tethers begin on the glass, from and to, in units of their length; after how many
        seconds of motion beads come loose, and are gone.
    bead_radius_nm, tether_nm, tether_spread
        Radius of all beads; mean contour length of the tethers and its relative spread.
    defocus_nm, depth_nm
        Height of the focal plane above a stuck bead while the focus stands at 0, and how far from that (both
        ways) images stay true; beyond, they are those of the end.
    image_px
        Edge of the square that holds the rings of one bead.
    spacing_px
        Least distance of two beads, if the field is large enough for that.
    unevenness, dust
        Part of the light that misses in the darkest corner; specks of dust.
    drift_nm_per_s
        Of the whole sample along x, y and height.
    seed
        The same seed makes the same frames, as long as focus and magnet do the same.
    buffer_frames, truth_frames
        Frames that wait for a late reader; frames whose truth is remembered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width_px: Annotated[int, Field(ge=1)] = 512
    height_px: Annotated[int, Field(ge=1)] = 512
    bits: Annotated[int, Field(ge=1, le=16)] = 16
    pixel_size_um: Positive = 0.1
    binning: int = 1
    region: tuple[int, int, int, int] | None = None
    frame_rate_hz: Positive = 100.0
    exposure_ms: Positive = 5.0
    light_e_per_ms: Positive = 1000.0
    gain_e_per_adu: NotNegative = 0.0
    offset_adu: NotNegative = 2.0
    read_noise_e: NotNegative = 8.0
    beads: Annotated[int, Field(ge=0)] = 50
    stuck: Part = 0.2
    double: Part = 0.0
    lost: Part = 0.0
    double_apart: tuple[Part, Part] = (0.5, 1.0)
    lost_after_s: NotNegative = 10.0
    bead_radius_nm: Positive = 525.0
    tether_nm: Positive = 1000.0
    tether_spread: Part = 0.03
    defocus_nm: float = 3000.0
    depth_nm: Positive = 2200.0
    image_px: Annotated[int, Field(ge=8)] = 96
    spacing_px: NotNegative = 64.0
    unevenness: Part = 0.1
    dust: Annotated[int, Field(ge=0)] = 6
    drift_nm_per_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    buffer_frames: Annotated[int, Field(ge=1)] = 256
    truth_frames: Annotated[int, Field(ge=1)] = 4096

    @model_validator(mode="after")
    def _kinds_add_up(self) -> Self:
        if self.stuck + self.double + self.lost > 1 + 1e-9:
            raise ValueError(
                f"stuck, double and lost are parts of all beads: {self.stuck:g} + {self.double:g} + "
                f"{self.lost:g} is more than 1"
            )
        near, far = self.double_apart
        if not near <= far:
            raise ValueError(f"double_apart goes from {near:g} to {far:g}: give the smaller one first")
        return self

    @property
    def dtype(self) -> str:
        """Name of the pixel type in numpy."""
        return "uint8" if self.bits <= 8 else "uint16"

    @property
    def gain(self) -> float:
        """Electrons for one count, chosen if the setting is 0."""
        if self.gain_e_per_adu > 0:
            return self.gain_e_per_adu
        if self.bits == 16:
            return 1.0
        return self.light_e_per_ms * self.exposure_ms / (0.4 * float(2**self.bits - 1))
