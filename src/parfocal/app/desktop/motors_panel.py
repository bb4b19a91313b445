"""Stages and the force of the magnet: where they stand, what moves them, and Halt."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from parfocal.app.desktop.force_card import OF_A_FORCE, ForceCard
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.stage_card import OF_A_STAGE, StageCard
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme


class MotorsPanel(Panel):
    """Shows a card for each stage, and one for the force."""

    title: ClassVar = "Motors"
    icon: ClassVar = "fa6s.up-down-left-right"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.cards: dict[str, StageCard | ForceCard] = {}
        self.nothing = QLabel("No stage has told of itself yet.")
        self.nothing.setObjectName("faint")
        body = QWidget()
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(GAP, GAP, GAP, GAP)
        self._column.setSpacing(GAP)
        self._column.addWidget(self.nothing)
        self._column.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setWidget(body)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether a service writes rows by its own name, as stages do."""
        streams = snapshot.rig.streams
        return any(name in streams and streams[name].kind == "rows" for name in snapshot.rig.services)

    def widget(self) -> QWidget:
        """Return its widget."""
        return self._area

    def refresh(self) -> None:
        """Show where everything stands."""
        services = self.session.snapshot().rig.services
        for service in services:
            if service not in self.cards:
                self._look_at(service)
        if not self.cards and all(self.session.commands(service) is not None for service in services):
            self.nothing.setText("This laboratory has no stage.")
        for card in self.cards.values():
            card.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for card in self.cards.values():
            if isinstance(card, StageCard):
                card.set_theme(theme)

    def _look_at(self, service: str) -> None:
        """Make a card for a service that has told that it is a stage, or knows the force; that one first."""
        names = {info.name for info in self.session.commands(service) or ()}
        if names >= OF_A_FORCE:
            self.cards[service] = ForceCard(self.session, service)
            self._column.insertWidget(0, self.cards[service])
        elif names >= OF_A_STAGE:
            self.cards[service] = StageCard(self.session, service)
            self._column.insertWidget(self._column.count() - 1, self.cards[service])
        self.nothing.setVisible(not self.cards)
