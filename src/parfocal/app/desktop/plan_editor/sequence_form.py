"""The form of a sequence: its sections, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from parfocal.app.desktop.plan_editor.channel_section import ChannelSection
from parfocal.app.desktop.plan_editor.focus_section import FocusSection
from parfocal.app.desktop.plan_editor.order_section import OrderSection
from parfocal.app.desktop.plan_editor.other_section import OtherSection
from parfocal.app.desktop.plan_editor.plan_fault import place_of, words_of
from parfocal.app.desktop.plan_editor.position_section import PositionSection
from parfocal.app.desktop.plan_editor.stimulus_section import StimulusSection
from parfocal.app.desktop.plan_editor.time_section import TimeSection
from parfocal.app.desktop.plan_editor.z_section import ZSection
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.desktop.background import BackgroundWork
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.plan_section import PlanSection
    from parfocal.app.desktop.plan_editor.stage_place import StagePlace
    from parfocal.viewers.qt.theme import Theme


class SequenceForm(QScrollArea):
    """Edits a part that is a sequence.

    Parameters
    ----------
    place : StagePlace
        Where the stages stand.
    work : BackgroundWork
        Reads files.
    theme : Theme
        Its colours.

    Signals
    -------
    edited
        A person has changed something.
    """

    edited = Signal()

    def __init__(self, place: StagePlace, work: BackgroundWork, theme: Theme) -> None:
        super().__init__()
        self.channels, self.times = ChannelSection(theme), TimeSection(theme)
        self.positions, self.stimuli = PositionSection(place, work, theme), StimulusSection(theme)
        known = (
            self.channels,
            self.times,
            self.positions,
            ZSection(),
            FocusSection(),
            self.stimuli,
            OrderSection(),
        )
        self.sections: tuple[PlanSection, ...] = (
            *known,
            OtherSection(key for section in known for key in section.keys),
        )
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, GAP, 0)
        column.setSpacing(2)
        for section in self.sections:
            section.edited.connect(self._take)
            column.addWidget(section)
        column.addStretch(1)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(body)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for table in (self.channels.table, self.times.table, self.positions.table, self.stimuli.table):
            table.model.set_theme(theme)

    def set_names(self, presets: Sequence[str]) -> None:
        """Offer the presets of the rig."""
        self.channels.set_names(presets)
        self.stimuli.set_names(presets)

    def refresh(self) -> None:
        """Offer what can be done now."""
        self.positions.refresh()

    def show_part(self, part: PlanPart) -> None:
        """Show a sequence."""
        for section in self.sections:
            section.show_part(part)
            section.show_summary()

    def part(self) -> PlanPart:
        """Return the sequence as it is now."""
        found = {key: value for section in self.sections for key, value in section.fields().items()}
        return {"type": "sequence", **{key: value for key, value in found.items() if value is not None}}

    def show_fault(self, message: str) -> bool:
        """Tell what is wrong where it belongs; return whether there is such a place."""
        place = place_of(message) if message else None
        for section in self.sections:
            here = place is not None and place.section == section.name
            section.show_fault(place if here else place_of(""), words_of(message) if here else "")
        return place is not None and any(section.name == place.section for section in self.sections)

    def _take(self) -> None:
        for section in self.sections:
            section.show_summary()
        self.edited.emit()
