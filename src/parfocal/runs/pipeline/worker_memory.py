"""The memory through which a worker hands over labels and mask: written by it, read by the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.processes.mapped import mapped_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class WorkerMemory:
    """A mapped file with room for the labels and the mask of one image.

    The engine asks for the next job only when it has taken what lies here, so nobody has to wait.

    Parameters
    ----------
    path : Path
        Of the file, which is made if it is not there.
    shape : tuple of int
        (y, x).

    Attributes
    ----------
    labels : ndarray of int32, shape (y, x)
        0 is background.
    mask : ndarray of uint8, shape (y, x)
        255 is full light.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        pixels = int(np.prod(shape))
        memory = mapped_file(path, 5 * pixels)
        self.labels: NDArray[np.int32] = np.ndarray(shape, np.int32, memory)
        self.mask: NDArray[np.uint8] = np.ndarray(shape, np.uint8, memory, offset=4 * pixels)
