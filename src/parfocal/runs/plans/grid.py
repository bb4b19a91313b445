"""Positions side by side: a grid of fields of view, by rows and columns, by size, or between edges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

import msgspec

from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.plans.fields import number
from parfocal.runs.plans.positions import StagePosition

_EDGES = ("left", "top", "right", "bottom")
WAYS = (("rows", "columns"), ("width", "height"), _EDGES)
_TOLD = "; or ".join(" and ".join(way) for way in WAYS)
_MODES = ("row_wise", "column_wise", "row_wise_snake", "column_wise_snake", "spiral")
_ANCHORS = ("center", "top_left")
MOST_TILES = 10_000


class StageGrid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tiles of one field of view each, in one of three ways; lengths in um, the top is where y is largest.

    Attributes
    ----------
    rows, columns : int
        How many.
    width, height : float
        What is gone through in steps of a tile less its overlap, as in useq-schema.
    left, top, right, bottom : float
        Edges, in the stage's coordinates, of what as few tiles as possible cover.
    overlap : float or (float, float)
        Of neighbours, percent of the field of view; along x and along y. Below 0: gaps.
    mode : str
        "row_wise", "column_wise", or "row_wise_snake" and "column_wise_snake", which turn round at each end;
        "spiral" goes outwards from the middle.
    relative_to : str
        Which of its places x and y tell: "center" of all, or "top_left", the centre of the first tile.
    x, y, z : float or None
        Where the grid is. Without x and y: where the stages stand when the run begins.
    name : str
        Of the grid; its tiles are called after it, with row and column.
    well : str
        As printed on the plate, such as "B3"; "" without a plate.
    relative : bool
        Whether x, y and z are told from where the stages stand when the run begins.
    fov_width, fov_height : float or None
        The field of view; None: that of the rig's camera.
    """

    rows: int | None = None
    columns: int | None = None
    width: float | None = None
    height: float | None = None
    left: float | None = None
    top: float | None = None
    right: float | None = None
    bottom: float | None = None
    overlap: float | tuple[float, float] = 0.0
    mode: str = "row_wise_snake"
    relative_to: str = "center"
    x: float | None = None
    y: float | None = None
    z: float | None = None
    name: str = ""
    well: str = ""
    relative: bool = False
    fov_width: float | None = None
    fov_height: float | None = None

    def __post_init__(self) -> None:
        given = {name for way in WAYS for name in way if getattr(self, name) is not None}
        if given not in [set(way) for way in WAYS]:
            raise BadInputError(f"a grid has {_TOLD}; not {', '.join(sorted(given)) or 'none of them'}")
        for name in ("rows", "columns", "width", "height", "fov_width", "fov_height"):
            if getattr(self, name) is not None:
                number(getattr(self, name), name, above=0)
        if (self.fov_width is None) != (self.fov_height is None):
            raise BadInputError("give fov_width and fov_height, or neither")
        if max(self._overlaps) >= 100:
            raise BadInputError(f"overlap must be below 100 percent, not {self.overlap!r}")
        for name, known in (("mode", _MODES), ("relative_to", _ANCHORS)):
            if getattr(self, name) not in known:
                told = nearest(str(getattr(self, name)), known)
                raise BadInputError(
                    f"{name} is one of {', '.join(known)}, not {getattr(self, name)!r}; {told}"
                )
        self._check_place()
        if self.rows is not None or not self.needs_field_of_view:
            self._counts()

    def _check_place(self) -> None:
        is_placed = self.relative or self.x is not None or self.y is not None
        if self.left is not None and (is_placed or self.relative_to != "center"):
            raise BadInputError("a grid between edges has its place: give no x, y, relative or relative_to")
        if (self.x is None) != (self.y is None):
            raise BadInputError("give x and y of a grid, or neither")
        if self.z is not None and self._is_where_stages_stand and not self.relative:
            raise BadInputError(
                f"a grid without x and y is where the stages stand: give them, or no z {self.z:g}"
            )

    @property
    def needs_field_of_view(self) -> bool:
        """Whether it depends on the field of view of a camera."""
        return self.fov_width is None

    @property
    def _is_where_stages_stand(self) -> bool:
        return self.left is None and self.x is None

    @property
    def _overlaps(self) -> tuple[float, float]:
        return self.overlap if isinstance(self.overlap, tuple) else (self.overlap, self.overlap)

    @property
    def _field_um(self) -> tuple[float, float]:
        if self.fov_width is None or self.fov_height is None:
            raise BadInputError(
                "the plan has a grid and depends on the field of view of a camera: "
                "give fov_width and fov_height in um, or tell it with at_field_of_view"
            )
        return self.fov_width, self.fov_height

    @property
    def _steps_um(self) -> tuple[float, float]:
        """From the centre of a tile to that of the next, along x and y."""
        (width, height), (along_x, along_y) = self._field_um, self._overlaps
        return width * (1 - along_x / 100), height * (1 - along_y / 100)

    @property
    def _edges_um(self) -> tuple[float, float, float, float] | None:
        """Left, right, bottom and top, if it has edges."""
        if self.left is None or self.right is None or self.top is None or self.bottom is None:
            return None
        return *sorted((self.left, self.right)), *sorted((self.bottom, self.top))  # type: ignore[return-value]

    def _steps_needed(self) -> tuple[float, float]:
        """Return how many steps what is to be covered takes, along x and y, not rounded."""
        (step_x, step_y), edges = self._steps_um, self._edges_um
        if edges is None:
            return (self.width or 0.0) / step_x, (self.height or 0.0) / step_y
        (left, right, bottom, top), (width, height) = edges, self._field_um
        return (right - left - width) / step_x + 1, (top - bottom - height) / step_y + 1

    def _counts(self) -> tuple[int, int]:
        """Return how many rows and columns there are."""
        if self.rows is not None and self.columns is not None:
            rows, columns = self.rows, self.columns
        else:
            along_x, along_y = self._steps_needed()
            rows, columns = (max(1, math.ceil(round(steps, 6))) for steps in (along_y, along_x))
        if rows * columns > MOST_TILES:
            raise BadInputError(f"a grid has {MOST_TILES} tiles at most, not {rows} x {columns}")
        return rows, columns

    def _first_um(self) -> tuple[float, float]:
        """Return the centre of the tile at the top left."""
        (step_x, step_y), (rows, columns), edges = self._steps_um, self._counts(), self._edges_um
        if edges is not None:
            width, height = self._field_um
            return edges[0] + width / 2, edges[3] - height / 2
        x, y = self.x or 0.0, self.y or 0.0
        if self.relative_to == "top_left":
            return x, y
        return x - step_x * (columns - 1) / 2, y + step_y * (rows - 1) / 2

    def positions(self) -> Iterator[StagePosition]:
        """Yield its tiles in the order of their visits.

        Raises
        ------
        BadInputError
            If it depends on the field of view of a camera.

        Examples
        --------
        >>> grid = StageGrid(rows=2, columns=2, x=0, y=0, overlap=10, fov_width=100, fov_height=50)
        >>> [(tile.x, tile.y) for tile in grid.positions()]
        [(-45.0, 22.5), (45.0, 22.5), (45.0, -22.5), (-45.0, -22.5)]
        """
        (step_x, step_y), (left, top) = self._steps_um, self._first_um()
        for row, column in _visits(*self._counts(), self.mode):
            yield StagePosition(
                name=f"{self.name}_{row}_{column}" if self.name else "",
                x=left + column * step_x,
                y=top - row * step_y,
                z=self.z,
                well=self.well,
                relative=self.relative or self._is_where_stages_stand,
            )


def _visits(rows: int, columns: int, mode: str) -> Iterator[tuple[int, int]]:
    """Yield rows and columns of tiles in order.

    Examples
    --------
    >>> list(_visits(2, 2, "column_wise_snake"))
    [(0, 0), (1, 0), (1, 1), (0, 1)]
    """
    if mode == "spiral":
        yield from _spiral(rows, columns)
        return
    by_rows, turns = mode.startswith("row"), mode.endswith("snake")
    outer, inner = (rows, columns) if by_rows else (columns, rows)
    for one in range(outer):
        line = range(inner)
        for other in reversed(line) if turns and one % 2 else line:
            yield (one, other) if by_rows else (other, one)


def _spiral(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Yield rows and columns from the middle outwards: to the right, downwards, to the left, upwards.

    Examples
    --------
    >>> list(_spiral(2, 3))
    [(0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (0, 0)]
    """
    row, column, missing = (rows - 1) // 2, (columns - 1) // 2, rows * columns
    for leg in count():
        length, ahead, along_row = leg // 2 + 1, 1 if leg % 4 < 2 else -1, leg % 2 == 0
        if along_row:
            found = [(row, x) for x in _inside(column, length * ahead, columns)] if 0 <= row < rows else []
            column += length * ahead
        else:
            found = [(y, column) for y in _inside(row, length * ahead, rows)] if 0 <= column < columns else []
            row += length * ahead
        yield from found
        missing -= len(found)
        if not missing:
            return


def _inside(first: int, way: int, size: int) -> range:
    """Return the places from `first` on, as many as `way` says and in its direction, that a line has."""
    if way > 0:
        return range(max(first, 0), min(first + way, size))
    return range(min(first, size - 1), max(first + way, -1), -1)
