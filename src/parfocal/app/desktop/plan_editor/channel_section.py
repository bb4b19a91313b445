"""The channels of a sequence: presets of the rig, with exposure, power, offset and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from parfocal.app.desktop.plan_editor.plan_rows import RowColumn
from parfocal.app.desktop.plan_editor.plan_section import PlanSection
from parfocal.app.desktop.plan_editor.row_table import RowTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_fault import FaultPlace
    from parfocal.viewers.qt.theme import Theme

CHANNEL_COLUMNS = (
    RowColumn("config", "channel", "name", 0, "choose one", "A preset of the rig"),
    RowColumn("exposure", "ms", width=66, empty="preset", tip="Exposure; empty: as the preset has it"),
    RowColumn(
        "power", "power", width=66, empty="preset", tip="Of its light, 0 to 1; empty: as the preset has it"
    ),
)
_MORE = (
    RowColumn("z_offset", "z offset", width=70, empty="0", tip="µm above the plane of the position"),
    RowColumn("acquire_every", "every", width=56, empty="1", tip="Only every n-th time point", default=1),
    RowColumn("do_stack", "stack", "truth", 50, tip="Without it the middle plane alone", default=True),
)


class ChannelSection(PlanSection):
    """Edits `channels`."""

    name: ClassVar = "channels"
    title: ClassVar = "Channels"
    keys: ClassVar = ("channels",)

    def __init__(self, theme: Theme) -> None:
        super().__init__(is_open=True)
        self.table = RowTable((*CHANNEL_COLUMNS, *_MORE), {"config": ""}, theme)
        self.table.add.setToolTip("Add a channel")
        self.table.edited.connect(self.edited)
        self.put_tools(self.table.tools)
        self.rows.addWidget(self.table)

    def set_names(self, names: Sequence[str]) -> None:
        """Offer the presets of the rig."""
        self.table.set_names(names)
        unused = [name for name in names if name not in [row.get("config") for row in self.table.rows]]
        self.table.first = {"config": (unused or list(names) or [""])[0]}

    def show_part(self, part: PlanPart) -> None:
        """Show the channels."""
        self.table.show_rows(channel_rows(part.get("channels")))

    def fields(self) -> dict[str, Any]:
        """Return the channels."""
        return {"channels": self.table.rows or None}

    def summary(self) -> str:
        """Return their names."""
        return ", ".join(str(row.get("config")) for row in self.table.rows) or "the light as it is"

    def mark(self, place: FaultPlace, text: str) -> None:
        """Mark a cell."""
        self.table.model.show_fault(place.row if text else -1, place.field, text)


def channel_rows(channels: Any) -> list[dict[str, Any]]:
    """Return channels as rows, however a person has written them.

    Examples
    --------
    >>> channel_rows(["nucleus", {"config": "erk", "exposure": 5}])
    [{'config': 'nucleus'}, {'config': 'erk', 'exposure': 5}]
    """
    return [dict(each) if isinstance(each, dict) else {"config": str(each)} for each in channels or ()]
