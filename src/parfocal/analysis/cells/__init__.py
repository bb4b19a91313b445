"""Cells in images: found, measured, followed over time, and chosen for stimulation.

Each step is a plain function, or a small class where it has to remember the last time point::

    image (y, x) ── segment ──> labels (y, x) int32: 0 is background, 1 ... n are cells
    labels, images ── measure ──> columns: one value for each cell, "label" among them
    columns ── link ──> particles: numbers that stay with their cells over time
    labels, columns ── stimulate ──> mask (y, x) bool: where the light goes

Lengths are in pixels of the camera image, angles in degrees. What needs libraries beside SciPy needs
``parfocal[cells]`` and says so when it is called.
"""
