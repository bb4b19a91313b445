"""Cells found by StarDist, in a process that has it: ``parfocal[stardist]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.cells.checks import even, one_image
from parfocal.analysis.cells.libraries import library
from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXTRA = "stardist"


class StarDist:
    """Labels of cells by a network that knows how far their edge is in each direction; a step `segment`.

    Parameters
    ----------
    model : str
        A model that StarDist brings, such as "2D_versatile_fluo", whose weights it fetches once; or the path
        of a model's folder; "" for a network without training, to try a pipeline without any weights.
    probability : float or None
        From which probability on a cell is one, 0 to 1; None as the model was tuned.
    overlap : float or None
        How much two cells may overlap and both be kept, 0 to 1; None as the model was tuned.
    low_percentile, high_percentile : float
        The brightness of the image that the network gets as 0 and as 1.

    Raises
    ------
    ConfigError
        If StarDist or TensorFlow is not installed.
    BadInputError
        If there is no such model.

    References
    ----------
    Schmidt et al., Cell detection with star-convex polygons, MICCAI (2018).
    """

    def __init__(
        self,
        model: str = "2D_versatile_fluo",
        *,
        probability: float | None = None,
        overlap: float | None = None,
        low_percentile: float = 1.0,
        high_percentile: float = 99.8,
    ) -> None:
        if not 0 <= low_percentile < high_percentile <= 100:
            raise BadInputError(
                "low_percentile and high_percentile lie from 0 to 100, in this order, not "
                f"{low_percentile} and {high_percentile}"
            )
        self._percentiles = low_percentile, high_percentile
        self._options = {"prob_thresh": probability, "nms_thresh": overlap}
        self._model = _loaded(model)

    def __call__(self, image: NDArray[Any]) -> NDArray[np.int32]:
        """Return the labels (y, x) of the cells in an image (y, x): 0 is background, 1 ... n are cells."""
        one_image(image)
        if even(image):
            return np.zeros(image.shape, np.int32)
        low, high = np.percentile(image, self._percentiles)
        scaled = ((image - low) / max(high - low, np.finfo(np.float32).eps)).astype(np.float32)
        labels, _ = self._model.predict_instances(scaled, **self._options)
        return np.asarray(labels, dtype=np.int32)


def _loaded(model: str) -> Any:
    """Return a model of StarDist: its own, that of a folder, or one without training."""
    models = library("stardist.models", _EXTRA)
    if not model:
        return models.StarDist2D(models.Config2D(grid=(2, 2)), name="untrained", basedir=None)
    folder = Path(model).absolute()
    if (folder / "config.json").is_file():
        return models.StarDist2D(None, name=folder.name, basedir=str(folder.parent))
    names, aliases = library("csbdeep.models.pretrained", _EXTRA).get_registered_models(models.StarDist2D)
    known = (*names, *(alias for several in aliases.values() for alias in several))
    if model not in known:
        raise BadInputError(
            f"StarDist has no model {model!r}, nor is it a folder with a config.json; {nearest(model, known)}"
        )
    return models.StarDist2D.from_pretrained(model)
