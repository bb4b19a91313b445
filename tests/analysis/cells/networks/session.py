"""What a user's pipeline does with Cellpose and StarDist, as they are published. Runs in their environment.

Usage: session.py cellpose|stardist FOLDER. Prints what it found as JSON; see `test_networks.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from parfocal.analysis.cells.cellpose import Cellpose
from parfocal.analysis.cells.stardist import StarDist
from parfocal.core.errors import BadInputError

SIZE = 96


def cells(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image of bright, round cells, and their labels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    labels = np.zeros((SIZE, SIZE), np.int32)
    for number, (down, right) in enumerate([(22, 22), (22, 70), (70, 24), (68, 68)], 1):
        off = random.uniform(-7, 7, 2)
        labels[np.hypot(y - down - off[0], x - right - off[1]) < random.uniform(8, 12)] = number
    return random.normal(100.0, 10.0, labels.shape) + 200.0 * (labels > 0), labels


def seen(labels: np.ndarray) -> dict:
    """Return what a step promises of its labels."""
    return {
        "dtype": str(labels.dtype),
        "shape": labels.shape,
        "numbers": np.unique(labels).tolist(),
    }


def refused(make) -> str:
    """Return how something is refused."""
    try:
        make()
    except BadInputError as error:
        return str(error)
    return "taken"


def cellpose(folder: Path) -> dict:
    """A network without training; one whose weights lie in a file; and one that is not there."""
    image, _ = cells(0)
    fresh = Cellpose("", diameter_px=20.0, cellprob_threshold=-6.0, flow_threshold=0.0)
    weights = folder / "weights"
    fresh._model.net.save_model(str(weights))
    again = Cellpose(str(weights), diameter_px=20.0, cellprob_threshold=-6.0, flow_threshold=0.0)
    labels = fresh(image)
    return {
        "fresh": seen(labels),
        "same": bool(np.array_equal(labels, again(image))),
        "even": int(fresh(np.full((SIZE, SIZE), 7, np.uint16)).max()),
        "refused": refused(lambda: Cellpose("cyto33")),
    }


def stardist(folder: Path) -> dict:
    """A network without training; one taught for a moment, from its folder; one that is not there."""
    from stardist.models import Config2D, StarDist2D

    small = {"n_rays": 16, "grid": (4, 4), "unet_n_depth": 1, "unet_n_filter_base": 16}
    train = {"train_patch_size": (SIZE, SIZE), "train_batch_size": 4, "train_learning_rate": 2e-3}
    model = StarDist2D(
        Config2D(**small, **train, train_tensorboard=False), name="taught", basedir=str(folder)
    )
    images, labels = zip(*(cells(seed) for seed in range(12)), strict=True)
    low, high = np.percentile(images, (1.0, 99.8))
    scaled = [((image - low) / (high - low)).astype(np.float32) for image in images]
    model.train(scaled, list(labels), (scaled[:2], list(labels[:2])), epochs=25, steps_per_epoch=12)
    image, truth = cells(99)
    found = StarDist(str(folder / "taught"), probability=0.5, overlap=0.3)(image)
    return {
        "fresh": seen(StarDist("")(image)),
        "taught": seen(found),
        "overlaps": [overlap(found, truth == number) for number in np.unique(truth)[1:]],
        "even": int(StarDist("")(np.full((SIZE, SIZE), 7, np.uint16)).max()),
        "refused": refused(lambda: StarDist("2D_versatile_flou")),
    }


def overlap(found: np.ndarray, cell: np.ndarray) -> float:
    """Return the best intersection over union of a cell with what was found."""
    numbers = np.unique(found[cell])
    ratios = [
        (cell & (found == number)).sum() / (cell | (found == number)).sum() for number in numbers if number
    ]
    return float(max(ratios, default=0.0))


if __name__ == "__main__":
    print(json.dumps({"cellpose": cellpose, "stardist": stardist}[sys.argv[1]](Path(sys.argv[2]))))
