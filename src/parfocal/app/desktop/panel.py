"""A panel: what one dock of the desktop shows of a rig, and steers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

Area = Literal["left", "right", "bottom"]


class Panel:
    """Base of all panels. Made, called and closed in the thread of the window, which must never wait.

    Parameters
    ----------
    session : Session
        The rig; its `theme` has the colours to begin with.
    subject : str
        Of `subjects`, which this one shows.

    Attributes
    ----------
    title, icon : str
        What the dock is called, and its icon by the name that qtawesome has for it.
    area : str
        Where it stands in a layout that nobody has changed: "left" for what is looked at, "right" for what
        steers, "bottom" for what is told.
    opens : bool
        Whether it is open in such a layout.
    controls : tuple of str
        What people may look for on it: texts of its buttons and labels, which the search finds.
    """

    title: ClassVar[str]
    icon: ClassVar[str]
    area: ClassVar[Area] = "right"
    opens: ClassVar[bool] = True
    controls: ClassVar[tuple[str, ...]] = ()
    _widget: QWidget

    def __init__(self, session: Session, subject: str = "") -> None:
        self.session = session
        self.subject = subject

    @classmethod
    def subjects(cls, snapshot: RigSnapshot) -> tuple[str, ...]:
        """Return what there is a dock for each of, such as cameras; ("",) for one dock of the whole rig."""
        del snapshot
        return ("",)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether it has anything to show of such a rig; without that it is not offered."""
        del snapshot
        return True

    def widget(self) -> QWidget:
        """Return its widget, always the same one: `_widget`, which is made with the panel."""
        return self._widget

    def refresh(self) -> None:
        """Show what is new. Called about twenty times a second while the panel can be seen."""

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""

    def close(self) -> None:
        """Let go of what it has opened. Called once."""
