"""The points of one curve over the last seconds, in memory that does not grow. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MOST_POINTS = 100_000


class PointHistory:
    """Keeps what a curve is drawn from.

    Parameters
    ----------
    seconds : float
        Points that are older than the newest one by more are forgotten.

    Examples
    --------
    >>> history = PointHistory(seconds=2.0)
    >>> history.add([0, 1_000_000_000], [1.0, 2.0])
    >>> history.add([3_000_000_000], [3.0])
    >>> history.times_ns.tolist(), history.values.tolist()
    ([1000000000, 3000000000], [2.0, 3.0])
    """

    def __init__(self, seconds: float) -> None:
        self.times_ns: NDArray[np.int64] = np.zeros(0, np.int64)
        self.values: NDArray[np.float64] = np.zeros(0)
        self._span_ns = round(seconds * 1e9)

    @property
    def newest_ns(self) -> int:
        """Time of the newest point; 0 before the first."""
        return int(self.times_ns[-1]) if len(self.times_ns) else 0

    def add(self, times_ns: ArrayLike, values: ArrayLike) -> None:
        """Take in new points.

        Raises
        ------
        BadInputError
            If there are not as many values as times.
        """
        times, new = np.asarray(times_ns), np.asarray(values)
        if times.ndim != 1 or times.shape != new.shape:
            raise BadInputError(
                f"times of shape {times.shape} and values of shape {new.shape} are no points: "
                "as many values as times are needed, in one row each"
            )
        self.times_ns = _joined(self.times_ns, times.astype(np.int64))
        self.values = _joined(self.values, new.astype(np.float64))
        recent = self.times_ns >= self.newest_ns - self._span_ns
        self.times_ns, self.values = self.times_ns[recent], self.values[recent]


def _joined(before: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([before, new])[-MOST_POINTS:]
