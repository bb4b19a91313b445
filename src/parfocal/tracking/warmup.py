"""Kernels compiled, or loaded from their cache, before the first frame."""

from __future__ import annotations

import numpy as np

from parfocal.tracking.build import ZTableBuilder
from parfocal.tracking.find import find_beads
from parfocal.tracking.rendering import add_noise, render
from parfocal.tracking.tracker import BeadTracker


def warm_up() -> None:
    """Compile or load everything that tracking, tables and finding need, for uint8 and uint16 frames.

    Takes about half a second once the kernels are cached on disk, and half a minute the first time.
    """
    axis = np.arange(32) - 15.5
    distance = np.hypot(*np.meshgrid(axis, axis))
    z = np.arange(0.0, 501.0, 100.0)
    stack = np.stack([1 + 0.5 * np.cos(distance * (1 + h / 2000)) * np.exp(-distance / 6) for h in z])
    stack = stack.astype(np.float32)
    builder = ZTableBuilder(roi_px=32, n_beads=1)
    for height, image in zip(z, stack, strict=True):
        builder.add((1000 * image).astype(np.uint16), [(0, 0)], z_nm=float(height))
    tables = builder.finish()
    frame = np.full((64, 64), 100, np.float32)
    render(frame, stack, 31.5, 31.5, 2.5, 100.0)
    for bits in (8, 16):
        counts = add_noise(frame, bits=bits)
        for chosen in (tables, None):
            BeadTracker(chosen, 32).track(counts, [(16, 16)])
    find_beads(add_noise(frame), 32)
