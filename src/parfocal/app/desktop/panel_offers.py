"""Which docks a rig's window has: of our panels, those of packages, and those that the rig has of others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from parfocal.app.desktop.panel_loading import FailedPanel, PanelLoader, awaited_panel
from parfocal.core.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.app.desktop.panel import Area, Panel
    from parfocal.core.status import AddedPanel
    from parfocal.rig.snapshots import RigSnapshot

_LOG = logging.getLogger(__name__)
_COLUMNS: dict[int | None, Area] = {0: "left", 1: "right"}


class DockOffer(NamedTuple):
    """A dock that there shall be.

    Attributes
    ----------
    kind : type of Panel
        The class of its panel.
    subject : str
        What the panel shows; "" for the whole rig.
    area : str or None
        Where it stands in a layout that nobody has changed; None for where its class says.
    is_new : bool
        Whether somebody has asked for it just now: it is shown before others.
    """

    kind: type[Panel]
    subject: str = ""
    area: Area | None = None
    is_new: bool = False


class PanelOffers:
    """Tells which docks there shall be, one snapshot after the other. For the thread of the window.

    A panel that was of use once stays, such as that of a camera whose stream is gone just now.

    Parameters
    ----------
    kinds : mapping of str to type of Panel
        Our panels, by name.
    packaged : mapping of str to AddedPanel
        Those of installed packages, which are imported in threads: one that can't be had is left out.
    first : tuple of AddedPanel
        What the rig has when it is first shown: only what comes later is new.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[Panel]],
        packaged: Mapping[str, AddedPanel],
        first: tuple[AddedPanel, ...],
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._loader = PanelLoader(clock)
        self._kinds = dict(kinds)
        self._packaged = dict(packaged)
        self._first = first
        self._offers: dict[str, DockOffer] = {}
        self._told: dict[str, DockOffer] = {}
        self._seen: tuple[object, ...] = ()

    def look(self, snapshot: RigSnapshot) -> dict[str, DockOffer]:
        """Return the docks by the names by which layouts know them."""
        self._take_packaged()
        added = self._added(snapshot.rig.panels)
        others = {offer.kind for offer in added.values()}  # a package may offer the same
        self._take_useful(snapshot)
        own = {name: offer for name, offer in self._offers.items() if offer.kind not in others}
        self._told = self._awaited({*self._packaged.values(), *snapshot.rig.panels})
        return own | added | self._told

    def _take_packaged(self) -> None:
        for name, packaged in tuple(self._packaged.items()):
            if (kind := self._loader.take(packaged)) is not None:
                del self._packaged[name]
                if not issubclass(kind, FailedPanel):
                    self._kinds.setdefault(name, kind)

    def _take_useful(self, snapshot: RigSnapshot) -> None:
        """Offer panels that have become of use, such as of a camera that was added to the rig."""
        seen = (tuple(snapshot.rig.services), tuple(snapshot.rig.streams), len(self._kinds))
        before, self._seen = self._seen, seen
        for name, kind in self._kinds.items() if seen != before else ():
            for subject in subjects_of(kind, snapshot):
                self._offers.setdefault(f"{name} {subject}".strip(), DockOffer(kind, subject))
        if seen != before:  # in the order of the table, whichever came first
            order = list(self._kinds.values())
            self._offers = dict(sorted(self._offers.items(), key=lambda each: order.index(each[1].kind)))

    def _added(self, panels: tuple[AddedPanel, ...]) -> dict[str, DockOffer]:
        return {
            f"added {added.kind} {added.name}": DockOffer(
                kind, "", _COLUMNS.get(added.column), added not in self._first
            )
            for added in panels
            if (kind := self._loader.take(added)) is not None
        }

    def _awaited(self, wanted: set[AddedPanel]) -> dict[str, DockOffer]:
        """Return a dock for each panel that is wanted and whose import takes long, which tells so."""
        awaited = self._loader.awaited().keys() & wanted
        names = {f"import of {added.kind} {added.name}": added for added in awaited}
        return {
            name: self._told.get(name) or DockOffer(awaited_panel(self._loader, added))
            for name, added in names.items()
        }


def subjects_of(kind: type[Panel], snapshot: RigSnapshot) -> tuple[str, ...]:
    """Return what a panel shows of a rig; nothing if it does not fit, or cannot tell."""
    try:
        return tuple(kind.subjects(snapshot)) if kind.fits(snapshot) else ()
    except Exception:  # noqa: BLE001 - the border of a panel, which may be anybody's: logged
        _LOG.exception("panel %s cannot tell whether it fits", kind.__name__)
        return ()
