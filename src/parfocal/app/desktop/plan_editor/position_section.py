"""The positions of a sequence: written, from where the stages stand, from a list, or as grids of tiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton

from parfocal.app.desktop.plan_editor.plan_rows import RowColumn
from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.plan_text import shown
from parfocal.app.desktop.plan_editor.position_files import NAME_FILTER, read_positions
from parfocal.app.desktop.plan_editor.row_table import RowTable
from parfocal.app.desktop.plan_editor.ways_form import PlanField, WaysForm
from parfocal.app.desktop.request_line import RequestLine

if TYPE_CHECKING:
    from parfocal.app.desktop.background import BackgroundResult, BackgroundWork
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace
    from parfocal.app.desktop.plan_editor.stage_place import StagePlace
    from parfocal.viewers.qt.theme import Theme

_GRID_WAYS: dict[str, tuple[PlanField, ...]] = {
    "a single position": (),
    "tiles by number": (PlanField("rows", "rows", first=2), PlanField("columns", "columns", first=2)),
    "tiles over an area": (
        PlanField("width", "width, µm", first=500.0),
        PlanField("height", "height, µm", first=500.0),
    ),
    "tiles between edges": (
        PlanField("left", "left", first=0.0),
        PlanField("right", "right", first=500.0),
        PlanField("bottom", "bottom", first=0.0),
        PlanField("top", "top, µm", first=500.0),
    ),
}
_GRID_MODES = {
    "row_wise_snake": "rows, to and fro",
    "column_wise_snake": "columns, to and fro",
    "row_wise": "rows",
    "column_wise": "columns",
    "spiral": "a spiral",
}
_GRID_OTHERS = (
    PlanField("overlap", "overlap, %", empty="0"),
    PlanField("mode", "in", "choice", _GRID_MODES),
    PlanField("fov_width", "field, µm", empty="camera"),
    PlanField("fov_height", "×", empty="camera"),  # noqa: RUF001
)
_GRID_KEYS = {field.key for fields in (*_GRID_WAYS.values(), _GRID_OTHERS) for field in fields}


class PositionSection(PlanSection):
    """Edits `stage_positions`.

    Parameters
    ----------
    place : StagePlace
        Where the stages stand.
    work : BackgroundWork
        Reads lists.
    theme : Theme
        Its colours.
    """

    name: ClassVar = "positions"
    title: ClassVar = "Positions"
    keys: ClassVar = ("stage_positions",)

    def __init__(self, place: StagePlace, work: BackgroundWork, theme: Theme) -> None:
        super().__init__(is_open=True)
        self.place, self._work = place, work
        columns = (
            RowColumn("name", "name", "text", 0, "by number"),
            *(RowColumn(axis, f"{axis}, µm", empty="as it is") for axis in "xyz"),
            RowColumn("", "", "told", 96, tell=place_text),
        )
        self.table, self.grid = RowTable(columns, {}, theme), WaysForm(_GRID_WAYS, _GRID_OTHERS)
        self.line = RequestLine(results=False)
        self.here, self.tiles, self.go, self.read = (
            QPushButton(text) for text in ("Here", "Grid", "Go to", "List …")
        )
        self._lay_out()

    def refresh(self) -> None:
        """Offer what can be done now."""
        self.line.refresh()
        for button in (self.here, self.go):
            button.setVisible(self.place.has_stages)
        self.here.setEnabled(bool(self.place.here))
        self.go.setEnabled(self.table.row >= 0)

    def show_part(self, part: PlanPart) -> None:
        """Show the positions."""
        self.table.show_rows(position_rows(part.get("stage_positions")))
        self._show_grid(self.table.row)

    def fields(self) -> dict[str, Any]:
        """Return the positions."""
        return {"stage_positions": self.table.rows or None}

    def summary(self) -> str:
        """Return how many there are."""
        rows = self.table.rows
        grids = sum(bool(_GRID_KEYS & row.keys()) for row in rows)
        if not rows:
            return "where the stages stand"
        words = [f"{len(rows) - grids} positions"] if len(rows) > grids else []
        return " and ".join([*words, *([f"{grids} grid{'s' if grids > 1 else ''}"] if grids else [])])

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark a cell, or a field of a grid."""
        self.table.model.show_fault(place.row if text else -1, place.field, text)
        self.grid.show_fault(place.field, text)

    def add_here(self) -> None:
        """Add where the stages stand."""
        if self.place.here:
            self.table.append(self.place.here)

    def add_grid(self) -> None:
        """Add tiles around where the stages stand."""
        here = {axis: at for axis, at in self.place.here.items() if axis != "z"}
        self.table.append({"rows": 2, "columns": 2, **(here if len(here) == 2 else {})})

    def go_to(self) -> None:
        """Send the stages to the position in which the cursor is."""
        row = self.table.row
        if row >= 0:
            for request in self.place.go(self.table.rows[row]):
                self.line.follow(request)

    def read_list(self, path: str) -> None:
        """Add the positions of a file."""
        self._work.do(lambda: read_positions(Path(path)), self._take_list)

    def _take_list(self, result: BackgroundResult[list[dict[str, Any]]]) -> None:
        if result.value is None:
            self.show_fault(None, result.error)
            return
        self.table.show_rows([*self.table.rows, *result.value])
        self.edited.emit()

    def _ask_for_list(self) -> None:
        dialog = QFileDialog(self, "Which list of positions?", "", NAME_FILTER)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.read_list)
        dialog.open()

    def _show_grid(self, row: int) -> None:
        """Show the tiles of a row."""
        rows = self.table.rows
        self.grid.setVisible(0 <= row < len(rows))
        if 0 <= row < len(rows):
            grid = {key: value for key, value in rows[row].items() if key in _GRID_KEYS}
            self.grid.show_value(grid or None)

    def _take_grid(self) -> None:
        """Give the row in which the cursor is other tiles."""
        row = self.table.row
        if row >= 0:
            kept = {key: value for key, value in self.table.rows[row].items() if key not in _GRID_KEYS}
            self.table.change(row, {**kept, **(self.grid.value() or {})})

    def _lay_out(self) -> None:
        self.here.setToolTip("Add the position where the stages stand now")
        self.tiles.setToolTip("Add a grid of fields of view around where the stages stand")
        self.go.setToolTip("Move the stages to this position")
        self.read.setToolTip("Add positions from a list of Micro-Manager, a plan, or a table of x, y and z")
        self.here.clicked.connect(self.add_here)
        self.tiles.clicked.connect(self.add_grid)
        self.go.clicked.connect(self.go_to)
        self.read.clicked.connect(self._ask_for_list)
        for button in (self.go, self.read, self.tiles, self.here):
            self.table.buttons.insertWidget(0, button)
        self.table.edited.connect(self.edited)
        self.put_tools(self.table.tools)
        self.table.chosen.connect(self._show_grid)
        self.grid.edited.connect(self._take_grid)
        self.grid.hide()
        for widget in (self.table, self.grid, self.line):
            self.rows.addWidget(widget)


def position_rows(positions: Any) -> list[dict[str, Any]]:
    """Return positions as rows, however a person has written them.

    Examples
    --------
    >>> position_rows([[0, 5], {"name": "b", "x": 1}]), position_rows({"rows": 2, "columns": 3})
    ([{'x': 0, 'y': 5}, {'name': 'b', 'x': 1}], [{'rows': 2, 'columns': 3}])
    """
    listed = [positions] if isinstance(positions, dict) else positions or ()
    return [dict(each) if isinstance(each, dict) else dict(zip("xyz", each, strict=False)) for each in listed]


def place_text(row: dict[str, Any]) -> str:
    """Return what a row is beside its place.

    Examples
    --------
    >>> (
    ...     place_text({"rows": 2, "columns": 3}),
    ...     place_text({"width": 500.0, "height": 200}),
    ...     place_text({"x": 1}),
    ... )
    ('2 × 3 tiles', '500 × 200 µm', '')
    >>> place_text({"well": "B3"}), place_text({"relative": True, "x": 1})
    ('well B3', 'relative')
    """  # noqa: RUF002
    if "rows" in row or "columns" in row:
        return f"{shown(row.get('rows'))} × {shown(row.get('columns'))} tiles"  # noqa: RUF001
    if "width" in row or "height" in row:
        return f"{shown(row.get('width'))} × {shown(row.get('height'))} µm"  # noqa: RUF001
    if "left" in row:
        return "between edges"
    words = (f"well {row['well']}" if row.get("well") else "", "relative" if row.get("relative") else "")
    return ", ".join(word for word in words if word)
