"""What lies over the image of a pane: labels, points, shapes and tracks. Frozen data; pure.

Places are (y, x) in pixels of the image. Two annotations are equal only if they are the same object: one that
changes is replaced by another, so that who draws them sees at once what is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

Style = Literal["outline", "fill"]
_MOST_LABEL = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Labels:
    """Areas of an image, such as cells: each pixel has the number of its area, 0 for none.

    Attributes
    ----------
    name : str
        One of each name lies over one plane.
    image : ndarray
        (y, x) int32.
    index : mapping
        The planes that it belongs to: those with these components; all if it is empty.
    style : "outline" or "fill"
        Whether the areas are drawn by their edges, or translucent.
    colour : str
        "#rrggbb" for all areas; "" gives each number a colour of its own.
    pickable : bool
        Whether a click picks the area that lies there, by its number.
    first : int
        What area 1 is called when it is picked, the next one more: 0 where they are counted from 0.
    """

    kind: ClassVar[str] = "labels"
    name: str
    image: NDArray[np.int32]
    index: Mapping[str, str] = field(default_factory=dict)
    style: Style = "outline"
    colour: str = ""
    pickable: bool = True
    first: int = 1

    def __post_init__(self) -> None:
        image = np.asarray(self.image)
        if image.ndim != 2 or image.dtype.kind not in "bui":
            raise BadInputError(
                f"labels are whole numbers (y, x), not {image.dtype} of the shape {image.shape}"
            )
        if not np.can_cast(image.dtype, np.int32) and image.size and image.max() > _MOST_LABEL:
            raise BadInputError(
                f"labels are numbers up to {_MOST_LABEL}, not {image.max()}: number the areas from 1 on"
            )
        if self.style not in ("outline", "fill"):
            raise BadInputError(f"labels are drawn as 'outline' or 'fill', not {self.style!r}")
        object.__setattr__(self, "image", image.astype(np.int32, copy=False))
        _check_colour(self.colour)

    def picked_as(self, area: int) -> int:
        """Return the number by which an area is picked."""
        return area - 1 + self.first

    def areas_of(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Return the areas that were picked by these numbers."""
        return tuple(number + 1 - self.first for number in numbers)

    @cached_property
    def count(self) -> int:
        """How many areas there are."""
        return int(np.count_nonzero(np.unique(self.image)))


@dataclass(frozen=True, eq=False)
class Points:
    """Places in an image.

    Attributes
    ----------
    name, index
        As of `Labels`.
    points : ndarray
        (n, 2) float: y, x of each.
    size_px : float
        Diameter of a point.
    colour : str
        "#rrggbb" for those without a value.
    values : ndarray or None
        (n,) float; coloured from the lowest to the highest, dark to bright.
    """

    kind: ClassVar[str] = "points"
    name: str
    points: NDArray[np.float64]
    index: Mapping[str, str] = field(default_factory=dict)
    size_px: float = 8.0
    colour: str = "#ffd24a"
    values: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _table(self.points, 2, "points are (n, 2): y, x"))
        _check_colour(self.colour)
        if not self.size_px > 0:
            raise BadInputError(f"size_px must be above 0, not {self.size_px}")
        if self.values is not None:
            object.__setattr__(self, "values", np.asarray(self.values, np.float64))
            if self.values.shape != (len(self.points),):
                raise BadInputError(f"{len(self.points)} points have values of shape {self.values.shape}")

    @cached_property
    def count(self) -> int:
        """How many points there are."""
        return len(self.points)


@dataclass(frozen=True, eq=False)
class Shapes:
    """Closed polygons over an image.

    Attributes
    ----------
    name, index
        As of `Labels`.
    polygons : tuple of ndarray
        Corners (n, 2) float of each: y, x.
    colour : str
        "#rrggbb" of their edges.
    """

    kind: ClassVar[str] = "shapes"
    name: str
    polygons: tuple[NDArray[np.float64], ...]
    index: Mapping[str, str] = field(default_factory=dict)
    colour: str = "#4fd6f0"

    def __post_init__(self) -> None:
        corners = tuple(_table(polygon, 2, "a polygon is (n, 2): y, x") for polygon in self.polygons)
        if any(len(polygon) < 2 for polygon in corners):
            raise BadInputError("a polygon has two corners or more")
        object.__setattr__(self, "polygons", corners)
        _check_colour(self.colour)

    @cached_property
    def count(self) -> int:
        """How many polygons there are."""
        return len(self.polygons)


@dataclass(frozen=True, eq=False)
class Tracks:
    """Where particles have been, drawn as lines that fade with time.

    Attributes
    ----------
    name, index
        As of `Labels`. The component "t" of a plane says up to when tracks are drawn; without, all are.
    rows : ndarray
        (n, 4) float: number of the particle, time point, y, x.
    tail : int
        Time points that a line reaches back.
    """

    kind: ClassVar[str] = "tracks"
    name: str
    rows: NDArray[np.float64]
    index: Mapping[str, str] = field(default_factory=dict)
    tail: int = 100

    def __post_init__(self) -> None:
        rows = _table(self.rows, 4, "tracks are (n, 4): particle, t, y, x")
        object.__setattr__(self, "rows", rows[np.lexsort((rows[:, 1], rows[:, 0]))])
        if not self.tail > 0:
            raise BadInputError(f"tail must be above 0, not {self.tail}")

    @cached_property
    def count(self) -> int:
        """How many particles there are."""
        return len(np.unique(self.rows[:, 0]))


Annotation = Labels | Points | Shapes | Tracks
KINDS: dict[str, type[Annotation]] = {kind.kind: kind for kind in (Labels, Points, Shapes, Tracks)}
"""The classes of annotations by their kind."""


def arrays_of(annotation: Annotation) -> dict[str, NDArray[Any]]:
    """Return what of an annotation is large, by name, for shared memory."""
    match annotation:
        case Labels(image=image):
            return {"image": image}
        case Points(points=points, values=None):
            return {"points": points}
        case Points(points=points, values=values):
            return {"points": points, "values": np.asarray(values)}
        case Shapes(polygons=polygons):
            corners = np.concatenate([np.empty((0, 2)), *polygons])
            return {"corners": corners, "counts": np.array([len(one) for one in polygons], np.int64)}
        case Tracks(rows=rows):
            return {"rows": rows}


def settings_of(annotation: Annotation) -> dict[str, Any]:
    """Return what of an annotation is small: its name, index and how it is drawn, as plain values."""
    names = ("name", "style", "colour", "pickable", "first", "size_px", "tail")
    settings = {name: getattr(annotation, name) for name in names if hasattr(annotation, name)}
    return settings | {"index": dict(annotation.index)}


def made_of(kind: str, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Annotation:
    """Return the annotation that has these arrays and settings.

    Raises
    ------
    BadInputError
        If it can be none; says why.

    Examples
    --------
    >>> cells = Shapes("cells", (np.zeros((3, 2)), np.ones((4, 2))))
    >>> again = made_of("shapes", arrays_of(cells), settings_of(cells))
    >>> [len(polygon) for polygon in again.polygons]
    [3, 4]
    """
    if kind not in KINDS:
        raise BadInputError(f"no annotation is called {kind!r}; {nearest(kind, KINDS)}")
    fields: dict[str, Any] = {**arrays, **settings}
    if kind == "shapes":
        ends, corners = np.cumsum(fields.pop("counts")), fields.pop("corners")
        fields["polygons"] = tuple(np.split(corners, ends[:-1])) if len(ends) else ()
    try:
        return KINDS[kind](**fields)
    except (KeyError, TypeError) as error:
        raise BadInputError(f"{kind}: {error}") from error


def nbytes_of(annotation: Annotation) -> int:
    """Return how much memory an annotation takes."""
    return sum(array.nbytes for array in arrays_of(annotation).values())


def _table(values: Any, columns: int, wanted: str) -> NDArray[np.float64]:
    table = np.asarray(values, np.float64)
    if table.size == 0:
        return np.empty((0, columns))
    if table.ndim != 2 or table.shape[1] != columns:
        raise BadInputError(f"{wanted}, not of the shape {table.shape}")
    if not np.isfinite(table).all():
        at = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise BadInputError(f"{wanted}, not {table[at].tolist()} in row {at}: leave out what has no place")
    return table


def _check_colour(colour: str) -> None:
    digits = colour.removeprefix("#")
    if colour and not (
        colour.startswith("#") and len(digits) == 6 and all(c in "0123456789abcdefABCDEF" for c in digits)
    ):
        raise BadInputError(f"a colour is '#rrggbb', not {colour!r}")
