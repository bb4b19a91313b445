"""Panels and plots of others that a rig has, for every desktop that shows it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from parfocal.core.status import AddedPanel


class PanelTable:
    """What was added, in its order. Thread-safe.

    Parameters
    ----------
    panels : iterable of AddedPanel
        Those to begin with.

    Attributes
    ----------
    changed : callable
        Called with nothing after each change, in the thread that has made it.

    Examples
    --------
    >>> from parfocal.core.status import AddedPanel
    >>> table = PanelTable()
    >>> table.add(AddedPanel(kind="plot", name="heat", address="lab.plots:Heat"))
    >>> [panel.name for panel in table.listed()]
    ['heat']
    >>> table.remove("plot", "heet")
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: there is no plot 'heet'; did you mean 'heat'?
    """

    def __init__(self, panels: Iterable[AddedPanel] = ()) -> None:
        self.changed: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._panels = {(panel.kind, panel.name): panel for panel in panels}

    def listed(self) -> tuple[AddedPanel, ...]:
        """Return all of them."""
        with self._lock:
            return tuple(self._panels.values())

    def add(self, panel: AddedPanel) -> None:
        """Add one; the same once more changes nothing.

        Raises
        ------
        BadInputError
            If another one has its name; names the class of that.
        """
        with self._lock:
            there = self._panels.setdefault((panel.kind, panel.name), panel)
        if there != panel:
            raise BadInputError(
                f"there is a {panel.kind} {panel.name!r} already, {there.address}; "
                "remove it, or give another name"
            )
        self.changed()

    def remove(self, kind: Literal["panel", "plot"], name: str) -> None:
        """Remove one.

        Raises
        ------
        BadInputError
            If there is none of that name; names the nearest.
        """
        with self._lock:
            if self._panels.pop((kind, name), None) is None:
                known = [panel.name for panel in self._panels.values() if panel.kind == kind]
                raise BadInputError(f"there is no {kind} {name!r}; {nearest(name, known)}")
        self.changed()
