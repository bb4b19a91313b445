"""Kernels compiled, or loaded from their cache, before the first frame."""

from __future__ import annotations

import numpy as np

from parfocal.tracking.build import ZTableBuilder, fit_reach
from parfocal.tracking.find import find_beads
from parfocal.tracking.rendering import add_noise, render
from parfocal.tracking.tracker import BeadTracker
from parfocal.tracking.ztable import ZTables

_ROI = 32


def warm_up() -> None:
    """Compile or load everything that tracking, tables and finding need, for uint8 and uint16 frames.

    Takes a quarter of a second once the kernels are cached on disk, and half a minute the first time.
    """
    radius, z = np.arange(fit_reach(_ROI) + 3.0), np.arange(5.0)[:, None]
    profiles = 0.5 * np.cos(radius * (1 + z / 20)) * np.exp(-radius / 6)
    tables = ZTables(
        profiles[None].astype(np.float32), _ROI, 0.0, 100.0, np.array([[0.0, 100.0]]), np.ones(1)
    )
    distance = np.hypot(*np.meshgrid(*2 * [np.arange(_ROI) - (_ROI - 1) / 2]))
    image = 1 + np.interp(distance, radius, profiles[2]).astype(np.float32)
    frame = np.full((2 * _ROI, 2 * _ROI), 100, np.float32)
    render(frame, image[None], _ROI, _ROI, 0.0, 100.0)
    corners = [(_ROI // 2, _ROI // 2)]
    for bits in (8, 16):
        counts = add_noise(frame, bits=bits)
        for chosen in (tables, None):
            BeadTracker(chosen, _ROI).track(counts, corners)
        ZTableBuilder(_ROI, 1).add(counts, corners, z_nm=0.0)
    find_beads(counts, _ROI)
