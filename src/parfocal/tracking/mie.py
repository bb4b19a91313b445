"""Lorenz-Mie scattering by a sphere: the amplitudes S1 and S2, after Bohren and Huffman (1983), chapter 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import spherical_jn, spherical_yn

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scattering_amplitudes(
    size: float, relative_index: complex, cos_theta: NDArray[np.float64]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return the amplitudes S1 (across the plane of scattering) and S2 (in it).

    Parameters
    ----------
    size : float
        Size parameter: 2 pi x radius x index of the medium / vacuum wavelength.
    relative_index : complex
        Index of the sphere over that of the medium; the imaginary part is positive for absorption.
    cos_theta : ndarray
        Cosine of the scattering angle, 1 for forward.

    Returns
    -------
    s1, s2 : ndarray of complex
        In the convention exp(-i omega t): the far field is ``S exp(ikr) / (-ikr)``.

    Examples
    --------
    Forward, both are equal, and the optical theorem gives the efficiency of extinction:

    >>> s1, s2 = scattering_amplitudes(3.0, 1.33 + 1e-8j, np.array([1.0]))
    >>> bool(np.allclose(s1, s2)), round(float(4 / 3.0**2 * s1[0].real), 4)
    (True, 1.7534)
    """
    a, b = _coefficients(size, complex(relative_index))
    order = np.arange(1, a.size + 1)
    weight = (2 * order + 1) / (order * (order + 1))
    pi, tau = _angle_functions(np.asarray(cos_theta, dtype=float), a.size)
    return (weight * a) @ pi + (weight * b) @ tau, (weight * a) @ tau + (weight * b) @ pi


def _coefficients(x: float, m: complex) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return the coefficients a_n and b_n, n = 1 ... as many as the series needs."""
    count = int(x + 4.05 * x ** (1 / 3) + 3)
    n = np.arange(1, count + 1)
    j, y = spherical_jn(n, x), spherical_yn(n, x)
    h = j + 1j * y
    dxj = j + x * spherical_jn(n, x, derivative=True)
    dxh = dxj + 1j * (y + x * spherical_yn(n, x, derivative=True))
    inner = spherical_jn(n, m * x)
    dinner = inner + m * x * spherical_jn(n, m * x, derivative=True)
    a = (m**2 * inner * dxj - j * dinner) / (m**2 * inner * dxh - h * dinner)
    b = (inner * dxj - j * dinner) / (inner * dxh - h * dinner)
    return a, b


def _angle_functions(
    cos_theta: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pi_n and tau_n for n = 1 ... count, each (count, angles)."""
    pi = np.zeros((count + 1, cos_theta.size))
    tau = np.zeros_like(pi)
    pi[1] = 1.0
    for n in range(1, count + 1):
        if n > 1:
            pi[n] = ((2 * n - 1) * cos_theta * pi[n - 1] - n * pi[n - 2]) / (n - 1)
        tau[n] = n * cos_theta * pi[n] - (n + 1) * pi[n - 1]
    return pi[1:], tau[1:]
