"""What of the sensor's image, and of each cell, is lit through a modulator. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.simulated.optogenetics.settings import ProjectionSettings

_RINGS = ((0.0, 1), (0.35, 6), (0.65, 10), (0.9, 14))
"""Radii and counts of the points of a cell that stand for its area, in parts of its own radius."""


class Projection:
    """The optics between a modulator and the sensor.

    Parameters
    ----------
    settings : ProjectionSettings
        Rotation, scale, shear, offset.
    sensor, modulator : tuple of int
        Their shapes (y, x).

    Examples
    --------
    >>> from parfocal.devices.simulated.optogenetics.settings import ProjectionSettings
    >>> straight = ProjectionSettings(rotation_deg=0, scale=1, shear=0, offset_px=(0, 0))
    >>> Projection(straight, (2, 2), (4, 4)).on_sensor(np.arange(16, dtype=np.uint8).reshape(4, 4)).tolist()
    [[5, 6], [9, 10]]
    """

    def __init__(
        self, settings: ProjectionSettings, sensor: tuple[int, int], modulator: tuple[int, int]
    ) -> None:
        angle = np.deg2rad(settings.rotation_deg)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self.linear = settings.scale * turn @ np.array([[1.0, settings.shear], [0.0, 1.0]])
        self._from = (np.array([sensor[1], sensor[0]]) - 1) / 2
        self._to = (np.array([modulator[1], modulator[0]]) - 1) / 2 + np.array(settings.offset_px)
        self._modulator = modulator
        y, x = np.mgrid[: sensor[0], : sensor[1]]
        self._table = self._mirrors(x, y)

    def on_sensor(self, pattern: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what a pattern lights, in the sensor's pixels."""
        return _with_dark(pattern).take(self._table, mode="clip")

    def on_cells(
        self, pattern: NDArray[np.uint8], x_px: NDArray[Any], y_px: NDArray[Any], radius_px: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return which part of each cell is lit, 0 to 1, and the way to the middle of that part.

        Parameters
        ----------
        pattern : ndarray
            What the modulator shows.
        x_px, y_px : ndarray
            (n,) where the cells are on the sensor.
        radius_px : float
            Of a cell.

        Returns
        -------
        part : ndarray
            (n,).
        towards : ndarray
            (2, n), x and y, in radii of a cell; 0 where nothing or all is lit.
        """
        points = _points()
        x, y = x_px[:, None] + radius_px * points[0], y_px[:, None] + radius_px * points[1]
        lit = _with_dark(pattern).take(self._mirrors(x, y), mode="clip") != 0
        number = np.maximum(lit.sum(axis=1), 1)
        towards = np.stack([(lit * axis).sum(axis=1) / number for axis in points])
        return lit.mean(axis=1), towards

    def _mirrors(self, x_px: NDArray[Any], y_px: NDArray[Any]) -> NDArray[np.int64]:
        """Return the mirror that lights a place of the sensor; beyond them the number of mirrors."""
        places = np.stack([x_px - self._from[0], y_px - self._from[1]])
        column, row = np.rint(
            np.einsum("ij,j...->i...", self.linear, places) + self._to.reshape(2, *[1] * (places.ndim - 1))
        ).astype(np.int64)
        height, width = self._modulator
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return np.where(inside, row * width + column, height * width)


def _with_dark(pattern: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return all mirrors in a row, and one that is dark for all that lies beyond them."""
    return np.append(pattern.reshape(-1), np.uint8(0))


def _points() -> NDArray[np.float64]:
    """Return (2, n): points that stand for the area of a disc of radius 1, their mean in the middle."""
    angles = [np.arange(count) * (2 * np.pi / count) for _, count in _RINGS]
    radii = [np.full(count, radius) for radius, count in _RINGS]
    angle, radius = np.concatenate(angles), np.concatenate(radii)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)])
