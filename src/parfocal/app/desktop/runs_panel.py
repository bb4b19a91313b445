"""The runs of the rig: the run status widget as a dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from parfocal.app.desktop.panel import Panel
from parfocal.app.run_window.run_source import RunSource
from parfocal.app.run_window.run_widget import RunWidget
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme


class RunsPanel(Panel):
    """Shows the newest run of the rig, or one that was chosen, and steers it."""

    title: ClassVar = "Runs"
    icon: ClassVar = "fa6s.person-running"
    controls: ClassVar = ("follow new runs", "Pause", "Stop …")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._source = RunSource(session.rig, snapshots=session.snapshots)
        self._widget = self._run = RunWidget(self._source, session.theme)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig carries out runs."""
        return SERVICE in snapshot.rig.services

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._run.set_theme(theme)

    def close(self) -> None:
        """Let go of the runs."""
        self._run.close_source()
