"""What the tracker says of one bead in one frame: a structured row, and the verdicts in its flags."""

from __future__ import annotations

from enum import IntFlag

import numpy as np


class Flag(IntFlag):
    """Why a row should not be trusted; 0 is a good one.

    Examples
    --------
    >>> Flag(5)
    <Flag.EMPTY|AT_EDGE: 5>
    """

    EMPTY = 1
    """There is no bead in the region, or no light, or not a number."""
    OFF_TABLE = 2
    """The height lies beyond what is usable of the table, or the table's end."""
    AT_EDGE = 4
    """The region leaves the frame, or the bead lies too far from the region's middle."""
    BAD_FIT = 8
    """The image does not look like the bead of the table: chi2 is above the limit."""
    NOT_CONVERGED = 16
    """The fit did not settle."""
    SATURATED = 32
    """Pixels stand at the top of the camera's range."""
    NEIGHBOUR = 64
    """Another bead's rings reach into the region; pixels on its side were left out."""
    AMBIGUOUS = 128
    """Another height explains the image about as well."""


X, Y, Z, SIGMA_X, SIGMA_Y, SIGMA_Z, CHI2, AMPLITUDE, OFFSET, FLAGS, RESULTS = range(11)
"""Columns of what a fit returns."""

ROW_DTYPE = np.dtype(
    [
        ("x_px", "<f8"),
        ("y_px", "<f8"),
        ("z_nm", "<f8"),
        ("sigma_x_px", "<f4"),
        ("sigma_y_px", "<f4"),
        ("sigma_z_nm", "<f4"),
        ("chi2", "<f4"),
        ("amplitude", "<f4"),
        ("offset", "<f4"),
        ("flags", "<u4"),
    ]
)
"""Columns of a row: positions in frame coordinates (the centre of pixel (0, 0) is the origin), their standard
deviations, chi2 for each degree of freedom, the bead's contrast relative to its table (1 for the same bead in
the
same light), the background in counts, and the sum of `Flag`."""
