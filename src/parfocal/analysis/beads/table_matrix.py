"""A plain matrix of numbers in a text file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError


def read_matrix(path: Path) -> NDArray[np.float64]:
    """Return the matrix in a text file, whose numbers are separated by blanks, tabs, commas or semicolons.

    Raises
    ------
    BadInputError
        If there is no such file, or it holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
        lines = text.replace(",", " ").replace(";", " ").splitlines()
        return np.atleast_2d(np.loadtxt(lines, dtype=float))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadInputError(f"{path} holds no matrix of numbers: {error}") from error
