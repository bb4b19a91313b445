"""Steps of pipelines for tests: small enough to tell what they return."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def bright(image: NDArray[Any], *, above: float = 100) -> NDArray[np.int32]:
    """Return one cell: everything that is bright.

    Examples
    --------
    >>> bright(np.array([[5, 500]]))
    array([[0, 1]], dtype=int32)
    >>> bright(np.array([[5, 255]], np.uint8), above=254.5), bright(np.array([[5, 255]], np.uint8), above=1e9)
    (array([[0, 1]], dtype=int32), array([[0, 0]], dtype=int32))
    """
    if image.dtype.kind in "iu":  # to compare with a float would make one of each pixel
        above = math.floor(min(above, np.iinfo(image.dtype).max))
    return (image > above).astype(np.int32)


def quarters(image: NDArray[Any], t: int) -> NDArray[np.int32]:
    """Return four cells, one in each quarter; the first is missing at time point 1.

    Examples
    --------
    >>> quarters(np.zeros((2, 2)), 1)
    array([[0, 2],
           [3, 4]], dtype=int32)
    """
    labels = np.zeros(image.shape, np.int32)
    y, x = (size // 2 for size in image.shape)
    labels[:y, :x], labels[:y, x:], labels[y:, :x], labels[y:, x:] = (0 if t == 1 else 1), 2, 3, 4
    return labels


def quarters_at(image: NDArray[Any], t: int, *, times: list[list[int]]) -> NDArray[np.int32]:
    """Return up to four cells, one in each quarter: each at the time points that `times` has for it.

    Examples
    --------
    >>> quarters_at(np.zeros((2, 2)), 1, times=[[0], [1], [], [0, 1]])
    array([[0, 2],
           [0, 4]], dtype=int32)
    """
    there = [0, *(number if t in each else 0 for number, each in enumerate(times, start=1))]
    return np.array(there, np.int32)[quarters(image, -1)]


def fails_at_one(image: NDArray[Any], t: int) -> NDArray[np.int32]:
    """Raise at time point 1; else find what is bright."""
    if t == 1:
        raise ValueError("no cells at t = 1")
    return bright(image)


def brightness(labels: NDArray[Any], images: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Return the mean of each cell in each channel."""
    present = [label for label in np.unique(labels) if label]
    return {
        f"mean_{channel}": np.array([image[labels == label].mean() for label in present])
        for channel, image in images.items()
    }


class ByLabel:
    """Follows cells by their labels: each gets the next number when it is seen first."""

    def __init__(self, first: int = 0) -> None:
        self._numbers, self._next = np.empty((0, 2), np.int64), first

    def link(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the numbers of the cells."""
        known = {int(label): int(number) for label, number in self._numbers}
        for label in columns["label"].tolist():
            if label not in known:
                known[label], self._next = self._next, self._next + 1
        self._numbers = np.array(list(known.items()), np.int64).reshape(-1, 2)
        return np.array([known[label] for label in columns["label"].tolist()], np.int64)

    def state(self) -> dict[str, Any]:
        """Return what it remembers."""
        return {"numbers": self._numbers, "next": self._next}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what another one remembered."""
        self._numbers, self._next = np.asarray(state["numbers"]), int(state["next"])


def everything(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Light the whole field."""
    return np.ones(shape, bool)


def cells(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Light all cells."""
    return np.asarray(labels > 0)


def chosen_cells(
    labels: NDArray[Any], columns: Mapping[str, NDArray[Any]], chosen: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Light the chosen cells."""
    return np.isin(labels, columns["label"][chosen])


def even(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Choose the particles with even numbers."""
    return np.asarray(columns["particle"] % 2 == 0)


def even_after(columns: Mapping[str, NDArray[Any]], *, seconds: float) -> NDArray[np.bool_]:
    """Choose those of `even`, which takes so long: their mask is late for whoever waits for less."""
    SYSTEM_CLOCK.sleep(seconds)
    return even(columns)


class ByPhase:
    """Lights the whole field in the phase "light"."""

    required_metadata = frozenset({"phase"})

    def __call__(self, shape: tuple[int, int], metadata: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Return the mask."""
        return np.full(shape, metadata["phase"] == "light")
