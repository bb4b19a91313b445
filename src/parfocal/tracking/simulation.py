"""Images of a bead in bright field with known truth.

The model: a plane wave (coherent, unpolarised, along the optical axis) meets a homogeneous sphere; the
scattered wave is that of Lorenz and Mie; an aplanatic objective collects it up to its numerical aperture and
the Debye integral gives its field in any plane; there it interferes with the wave that passed by. Aberrations
are phases in the pupil.

Its limits: no cover glass and no index mismatch, no multiple scattering between beads, no partial coherence,
and the intensity is sampled at the centre of each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import j0, jv

from parfocal.core.errors import BadInputError
from parfocal.tracking.mie import scattering_amplitudes
from parfocal.tracking.rendering import add_noise, render

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.interpolate import CubicSpline

__all__ = ["Optics", "SymmetricBead", "add_noise", "bead_stack", "radial_profiles", "render"]


@dataclass(frozen=True, slots=True)
class Optics:
    """What the bead is made of and seen through.

    Attributes
    ----------
    na : float
        Numerical aperture of the objective.
    wavelength_um : float
        In vacuum.
    index_medium : float
        Refractive index around the bead and in front of the objective.
    index_bead : complex
        Refractive index of the bead; the imaginary part is positive for absorption. The value given stands
        for polystyrene full of iron oxide.
    coma_waves, astigmatism_waves : float
        RMS wavefront error in wavelengths, along x.
    """

    na: float = 1.2
    wavelength_um: float = 0.6
    index_medium: float = 1.33
    index_bead: complex = 1.6 + 0.1j
    coma_waves: float = 0.0
    astigmatism_waves: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.na < self.index_medium:
            raise BadInputError(f"na must lie between 0 and the index {self.index_medium}, not {self.na}")

    @property
    def wavenumber(self) -> float:
        """Radians for each micrometre in the medium."""
        return 2 * np.pi * self.index_medium / self.wavelength_um

    def amplitudes(
        self, radius_um: float, cos_theta: NDArray[np.float64]
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """Return half the sum and half the difference of S1 and S2, as the pupil passes them."""
        s1, s2 = scattering_amplitudes(
            self.wavenumber * radius_um, self.index_bead / self.index_medium, cos_theta
        )
        apodisation = np.sqrt(cos_theta)
        return apodisation * (s1 + s2) / 2, apodisation * (s2 - s1) / 2


def radial_profiles(
    radius_um: float, r_um: ArrayLike, z_nm: ArrayLike, optics: Optics | None = None
) -> NDArray[np.float64]:
    """Return the intensity around a bead without aberrations, (len(z_nm), len(r_um)); the background is 1.

    Parameters
    ----------
    radius_um : float
        Radius of the bead.
    r_um : array_like
        Distances from its centre in the image, in micrometres of the sample.
    z_nm : array_like
        Height of the focal plane above the centre of the bead.
    optics : Optics, optional
        Aberrations in it are left out here.

    Examples
    --------
    >>> far = radial_profiles(0.5, [0.0, 30.0], [3000.0])
    >>> bool(abs(far[0, 1] - 1) < 0.05)
    True
    """
    optics = optics or Optics()
    r, z = np.asarray(r_um, dtype=float), np.asarray(z_nm, dtype=float) * 1e-3
    cosine, weight = _pupil_rule(optics, float(np.abs(r).max(initial=0)), float(np.abs(z).max(initial=0)))
    sine = np.sqrt(1 - cosine**2)
    even, odd = optics.amplitudes(radius_um, cosine)
    defocus = np.exp(1j * optics.wavenumber * z[:, None] * (cosine - 1)) * weight
    argument = optics.wavenumber * sine[:, None] * r
    field = 1 - (defocus * even) @ j0(argument)
    crossed = (defocus * odd) @ jv(2, argument)
    return np.asarray(np.abs(field) ** 2 + np.abs(crossed) ** 2)


class SymmetricBead:
    """A bead without aberrations as a smooth function: images at any place, and how they change with it.

    Parameters
    ----------
    radius_um, pixel_size_um : float
        Radius of the bead, and edge of a pixel in the sample.
    z_range_nm : tuple of float
        Between which heights it will be asked for.
    reach_px : float
        How far from its centre.
    optics : Optics, optional
        Without aberrations.

    Examples
    --------
    >>> bead = SymmetricBead(0.5, 0.1, (1000.0, 3000.0), 50)
    >>> bead.image(20.3, 20.1, 2000.0, 48).shape
    (48, 48)
    """

    def __init__(
        self,
        radius_um: float,
        pixel_size_um: float,
        z_range_nm: tuple[float, float],
        reach_px: float,
        optics: Optics | None = None,
    ) -> None:
        low, high = z_range_nm
        z = np.linspace(low - 60, high + 60, int((high - low) / 20) + 7)
        r = np.linspace(0, reach_px + 1, int(10 * reach_px) + 11)
        profiles = radial_profiles(radius_um, r * pixel_size_um, z, optics)
        self._along_z = _spline(z, profiles)
        self._r = r

    def image(self, x_px: float, y_px: float, z_nm: float, roi_px: int) -> NDArray[np.float64]:
        """Return intensity over background of a region in which the bead lies at x, y, z."""
        axis = np.arange(roi_px)
        distance = np.hypot(*np.meshgrid(axis - x_px, axis - y_px))
        return np.asarray(_spline(self._r, self._along_z(z_nm))(distance))

    def slopes(self, x_px: float, y_px: float, z_nm: float, roi_px: int) -> NDArray[np.float64]:
        """Return the derivatives of the image by x and y (for each pixel) and z (for each nm), (3, y, x)."""
        axis = np.arange(roi_px)
        dx, dy = np.meshgrid(axis - x_px, axis - y_px)
        distance = np.hypot(dx, dy)
        along_r = _spline(self._r, self._along_z(z_nm))(distance, 1) / np.maximum(distance, 1e-9)
        along_z = _spline(self._r, self._along_z(z_nm, 1))(distance)
        return np.stack([-along_r * dx, -along_r * dy, along_z])


def bead_stack(
    radius_um: float,
    pixel_size_um: float,
    z_nm: ArrayLike,
    roi_px: int,
    optics: Optics | None = None,
    *,
    taper_px: float | None = None,
) -> NDArray[np.float32]:
    """Return images of a bead at each height, (len(z_nm), roi_px, roi_px) float32; the background is 1.

    Parameters
    ----------
    radius_um, pixel_size_um : float
        Radius of the bead, and edge of a pixel in the sample.
    z_nm : array_like
        Height of the focal plane above the bead; steps of 50 nm or less render smoothly.
    roi_px : int
        Edge of an image; the bead lies in its middle, ``(roi_px - 1) / 2``. Rings beyond it are lost, so
        take it about twice as wide as the region that is to be tracked.
    optics : Optics, optional
        With coma or astigmatism the images are not radially symmetric.
    taper_px : float, optional
        Over how many pixels at the rim the image fades into the background; a fifth of the half width if not
        given.

    Examples
    --------
    >>> stack = bead_stack(0.5, 0.1, np.arange(0, 3000, 500), 64)
    >>> stack.shape, stack.dtype, bool(abs(stack[:, 0, 0].mean() - 1) < 0.01)
    ((6, 64, 64), dtype('float32'), True)
    """
    optics = optics or Optics()
    z = np.atleast_1d(np.asarray(z_nm, dtype=float))
    axis = np.arange(roi_px, dtype=np.float64) - (roi_px - 1) / 2
    distance = np.hypot(*np.meshgrid(axis, axis))
    if optics.coma_waves or optics.astigmatism_waves:
        images = np.stack([_aberrated_image(radius_um, axis * pixel_size_um, height, optics) for height in z])
    else:
        squares, place = np.unique(axis[:, None] ** 2 + axis**2, return_inverse=True)  # many are alike
        profiles = radial_profiles(radius_um, np.sqrt(squares) * pixel_size_um, z, optics)
        images = profiles[:, place.reshape(distance.shape)]
    half = (roi_px - 1) / 2
    fade = np.clip((half - distance) / (half / 5 if taper_px is None else max(taper_px, 1e-9)), 0, 1)
    return np.ascontiguousarray(1 + (images - 1) * np.sin(np.pi / 2 * fade) ** 2, dtype=np.float32)


def _spline(x: NDArray[np.float64], values: NDArray[np.float64]) -> CubicSpline:
    from scipy.interpolate import CubicSpline  # takes 25 MB, and a camera that draws stacks needs none

    return CubicSpline(x, values)


def _pupil_rule(
    optics: Optics, reach_um: float, depth_um: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cosines over the aperture and weights of a Gauss rule that is fine enough."""
    edge = np.sqrt(1 - (optics.na / optics.index_medium) ** 2)
    count = int(40 + optics.wavenumber * (reach_um + depth_um))
    node, weight = np.polynomial.legendre.leggauss(count)
    angle_edge = np.arccos(edge)
    theta = angle_edge / 2 * (node + 1)
    return np.cos(theta), weight * angle_edge / 2 * np.sin(theta)


def _aberrated_image(
    radius_um: float, axis_um: NDArray[np.float64], z_nm: float, optics: Optics
) -> NDArray[np.float64]:
    """Return the image with the pupil's phase, by a Fourier sum over a square grid of directions."""
    k, edge = optics.wavenumber, optics.na / optics.index_medium
    reach = 2.2 * abs(z_nm) * 1e-3 * edge / np.sqrt(1 - edge**2) + 2.2 * float(np.abs(axis_um).max()) + 4.0
    count = int(np.ceil(2 * edge * k * reach / (2 * np.pi))) | 1
    step = 2 * edge / count
    direction = (np.arange(count) - count // 2) * step
    sx, sy = np.meshgrid(direction, direction)
    sine = np.hypot(sx, sy)
    inside = np.clip((edge - sine) / step + 0.5, 0, 1)
    cosine = np.sqrt(1 - np.minimum(sine, edge) ** 2)
    even, odd = (part.reshape(cosine.shape) for part in optics.amplitudes(radius_um, cosine.ravel()))
    rho, phi = sine / edge, np.arctan2(sy, sx)
    waves = optics.coma_waves * np.sqrt(8) * (3 * rho**3 - 2 * rho) * np.cos(phi)
    waves = waves + optics.astigmatism_waves * np.sqrt(6) * rho**2 * np.cos(2 * phi)
    phase = np.exp(1j * (k * z_nm * 1e-3 * (cosine - 1) + 2 * np.pi * waves))
    pupil = inside * phase * step**2 / (2 * np.pi * cosine)
    wave = np.exp(1j * k * np.outer(axis_um, direction))

    def field(amplitude: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return np.asarray(wave @ (pupil * amplitude) @ wave.T)

    straight, twice = field(even), field(odd * np.cos(2 * phi))
    crossed = field(odd * np.sin(2 * phi))
    passed = 1.0
    both = np.abs(passed - straight - twice) ** 2 + np.abs(passed - straight + twice) ** 2
    return np.asarray(both / 2 + np.abs(crossed) ** 2)
