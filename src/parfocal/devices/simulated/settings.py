"""The settings of the simulated camera."""

from __future__ import annotations

import msgspec

from parfocal.core.errors import BadInputError


class SimulatedCameraSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the simulated camera is like, and what lies before it.

    Parameters
    ----------
    width_px, height_px, bits, pixel_size_um
        The sensor: 1 to 8 bits make uint8 frames, 9 to 16 uint16.
    frame_rate_hz, exposure_ms
        The exposure is cut to the period.
    light_e_per_ms
        Electrons in a pixel of the brightest background for each millisecond of exposure, at full light.
    gain_e_per_adu
        Electrons for one count; 0 chooses 1 for 16 bits, and for fewer bits what puts the background of the
        first exposure at 40 % of the range.
    offset_adu, read_noise_e
        Counts without light, and RMS of the read noise.
    beads, stuck
        How many, and which part of them is stuck to the glass.
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

    width_px: int = 512
    height_px: int = 512
    bits: int = 16
    pixel_size_um: float = 0.1
    frame_rate_hz: float = 100.0
    exposure_ms: float = 5.0
    light_e_per_ms: float = 1000.0
    gain_e_per_adu: float = 0.0
    offset_adu: float = 2.0
    read_noise_e: float = 8.0
    beads: int = 50
    stuck: float = 0.2
    bead_radius_nm: float = 525.0
    tether_nm: float = 1000.0
    tether_spread: float = 0.03
    defocus_nm: float = 3000.0
    depth_nm: float = 2200.0
    image_px: int = 96
    spacing_px: float = 64.0
    unevenness: float = 0.1
    dust: int = 6
    drift_nm_per_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    seed: int = 0
    buffer_frames: int = 256
    truth_frames: int = 16384

    def __post_init__(self) -> None:
        whole = {
            name: getattr(self, name) for name in ("width_px", "height_px", "buffer_frames", "truth_frames")
        }
        for name, value in whole.items():
            if value < 1:
                raise BadInputError(f"{name} must be 1 or more, not {value}")
        positive = ("pixel_size_um", "light_e_per_ms", "bead_radius_nm", "tether_nm", "depth_nm")
        for name in positive:
            if not getattr(self, name) > 0:
                raise BadInputError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("stuck", "unevenness", "tether_spread"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInputError(f"{name} must lie from 0 to 1, not {getattr(self, name)}")
        if not 1 <= self.bits <= 16:
            raise BadInputError(f"bits must lie from 1 to 16, not {self.bits}")
        if not 0 <= self.seed < 2**63 or self.beads < 0 or self.dust < 0 or self.image_px < 8:
            raise BadInputError("seed, beads and dust must not be negative, and image_px must be 8 or more")

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
