"""What a program lays over the images of a viewer: labels, points, shapes and tracks, sent as images are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from parfocal.viewers.annotations import Labels, Points, Shapes, Tracks
from parfocal.viewers.layers import index_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from parfocal.viewers.annotations import Annotation, Style
    from parfocal.viewers.tickets import Ticket


class ViewerAnnotations(ABC):
    """Lays annotations over the panes of a viewer, or over all panes of a layer; each returns at once.

    `over` names a pane or a layer that is there when the annotation arrives: what was sent before it has
    arrived before it. An annotation takes the place of the one of the same `name` and `index`. `index` says
    which planes it belongs to, such as ``{"t": 3}``; all if it is left out.

    Returns
    -------
    Ticket
        Tells when it was received, and when it was drawn; failed, with the reason, if it cannot be.
    """

    @abstractmethod
    def _lay(self, over: str, make: Callable[[], Annotation]) -> Ticket:
        """Send the annotation that `make` returns; a failed ticket if it raises `BadInputError`."""

    def show_labels(
        self,
        labels: NDArray[Any],
        over: str = "image",
        name: str = "labels",
        index: Mapping[str, Any] | None = None,
        *,
        style: Style = "outline",
        colour: str = "",
        pickable: bool = True,
        first: int = 1,
    ) -> Ticket:
        """Draw the areas of a label image (y, x) of whole numbers; 0 is none.

        Parameters
        ----------
        style : "outline" or "fill"
            Edges of the areas, or the areas translucent.
        colour : str
            "#rrggbb" for all; "" gives each number a colour of its own, the same in every image.
        pickable : bool
            Whether a click picks the area; see `picked`.
        first : int
            What area 1 is called when it is picked: 0 where they are counted from 0.
        """
        of = index_of(index or {})
        return self._lay(over, lambda: Labels(name, labels, of, style, colour, pickable, first))

    def show_points(
        self,
        points: NDArray[Any] | Sequence[Sequence[float]],
        over: str = "image",
        name: str = "points",
        index: Mapping[str, Any] | None = None,
        *,
        size_px: float = 8.0,
        colour: str = "#ffd24a",
        values: NDArray[Any] | Sequence[float] | None = None,
    ) -> Ticket:
        """Draw points (n, 2), y and x in pixels, as rings of a diameter in pixels of the image.

        Parameters
        ----------
        values : (n,) array, optional
            Colours them from the lowest to the highest, instead of `colour`.
        """
        of = index_of(index or {})
        return self._lay(over, lambda: Points(name, points, of, size_px, colour, values))  # type: ignore[arg-type]

    def show_shapes(
        self,
        polygons: Sequence[NDArray[Any] | Sequence[Sequence[float]]],
        over: str = "image",
        name: str = "shapes",
        index: Mapping[str, Any] | None = None,
        *,
        colour: str = "#4fd6f0",
    ) -> Ticket:
        """Draw closed polygons, the corners (n, 2) of each: y and x in pixels."""
        of = index_of(index or {})
        return self._lay(over, lambda: Shapes(name, tuple(polygons), of, colour))  # type: ignore[arg-type]

    def show_tracks(
        self,
        rows: NDArray[Any] | Sequence[Sequence[float]],
        over: str = "image",
        name: str = "tracks",
        index: Mapping[str, Any] | None = None,
        *,
        tail: int = 100,
    ) -> Ticket:
        """Draw where particles have been, (n, 4): particle, time point, y, x; lines fade with time.

        Parameters
        ----------
        tail : int
            Time points that a line reaches back from the plane's component "t", or from the last.
        """
        of = index_of(index or {})
        return self._lay(over, lambda: Tracks(name, rows, of, tail))  # type: ignore[arg-type]
