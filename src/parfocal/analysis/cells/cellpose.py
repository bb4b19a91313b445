"""Cells found by Cellpose, in a process that has it: ``parfocal[cellpose]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.cells.checks import even, one_image, positive
from parfocal.analysis.cells.libraries import library
from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXTRA = "cellpose"


class Cellpose:
    """Labels of cells by a network that follows flows to the centre of each cell; a step `segment`.

    Parameters
    ----------
    model : str
        A model that Cellpose brings, such as "cyto3" or "nuclei", whose weights it fetches once; or the path
        of a file of weights; "" for a network without training, to try a pipeline without any weights.
    diameter_px : float
        Of a typical cell.
    flow_threshold : float
        How far the flows may be from those of the shape that was found; less finds fewer cells.
    cellprob_threshold : float
        From which value on a pixel belongs to a cell; less finds more, and larger ones.
    min_area_px : int
        Smaller ones are left out.
    gpu : bool
        Whether a graphics card is used, if there is one.

    Raises
    ------
    ConfigError
        If Cellpose is not installed.
    BadInputError
        If there is no such model.

    References
    ----------
    Stringer et al., Cellpose: a generalist algorithm for cellular segmentation, Nat. Methods 18 (2021).
    """

    def __init__(
        self,
        model: str = "cyto3",
        *,
        diameter_px: float = 30.0,
        flow_threshold: float = 0.4,
        cellprob_threshold: float = 0.0,
        min_area_px: int = 15,
        gpu: bool = False,
    ) -> None:
        models = library("cellpose.models", _EXTRA)
        known = (*models.MODEL_NAMES, *models.get_user_models())
        if model and model not in known and not Path(model).is_file():  # else it would take another one
            raise BadInputError(f"Cellpose has no model {model!r}, nor is it a file; {nearest(model, known)}")
        self._options = {
            "diameter": positive(diameter_px, "diameter_px"),
            "flow_threshold": flow_threshold,
            "cellprob_threshold": cellprob_threshold,
            "min_size": min_area_px,
        }
        self._model = models.CellposeModel(gpu=gpu, pretrained_model=model or False)

    def __call__(self, image: NDArray[Any]) -> NDArray[np.int32]:
        """Return the labels (y, x) of the cells in an image (y, x): 0 is background, 1 ... n are cells."""
        one_image(image)
        if even(image):
            return np.zeros(image.shape, np.int32)
        masks, *_ = self._model.eval(image.astype(np.float32), channels=[0, 0], **self._options)
        return np.asarray(masks, dtype=np.int32)
