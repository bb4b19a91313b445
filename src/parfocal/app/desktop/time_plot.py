"""A time plot: what one dock of the desktop draws of streams of rows. Without Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.app.desktop.panel import Area


class TimePlot:
    """Base of time plots: says what is drawn of the rows of a stream. A subclass needs nothing of a window.

    One is made for each dock, in the thread of the window, which must never wait.

    Attributes
    ----------
    title, unit : str
        What is drawn, such as "temperature", and in which unit.
    streams : tuple of str
        The streams of rows that it draws, each as a curve of that name.
    seconds : float
        How much of the past is seen.
    icon : str
        Of its dock, by the name that qtawesome has for it.
    area : str
        Where it stands in a layout that nobody has changed; see `parfocal.app.desktop.panel.Panel`.

    Examples
    --------
    >>> import numpy as np
    >>> class Temperature(TimePlot):
    ...     title, unit, streams = "temperature", "°C", ("thermometer",)
    ...
    ...     def points(self, rows):
    ...         return rows["time_ns"], rows["temperature_c"]
    >>> rows = np.array([(10, 37.0)], [("time_ns", "i8"), ("temperature_c", "f8")])
    >>> [values.tolist() for values in Temperature().points(rows)]
    [[10], [37.0]]
    """

    title: ClassVar[str]
    unit: ClassVar[str] = ""
    streams: ClassVar[tuple[str, ...]]
    seconds: ClassVar[float] = 30.0
    icon: ClassVar[str] = "fa6s.chart-line"
    area: ClassVar[Area] = "bottom"

    def points(self, rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return times and values to be drawn of new rows of one of its streams.

        Parameters
        ----------
        rows : ndarray
            (n,) of the fields that the stream has; the oldest first, one or more.

        Returns
        -------
        times_ns, values : ndarray
            (m,) each: monotonic times in ns, as rows have them, none before an earlier one, and numbers,
            NaN for a gap; m need not be n.
        """
        raise NotImplementedError
