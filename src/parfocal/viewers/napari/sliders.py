"""The sliders of a napari window, one for each component, for all panes together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.viewers.actions import Selected
from parfocal.viewers.napari.alignment import Alignment
from parfocal.viewers.napari.annotation_layers import placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from napari import Viewer
    from numpy.typing import NDArray

    from parfocal.viewers.annotations import Tracks
    from parfocal.viewers.panes import Pane


class Sliders:
    """Keeps the dimensions of a window at the planes that its panes show. For the GUI thread.

    Napari may have dimensions before ours: tracks bring a time of their own if no stack has one.

    Attributes
    ----------
    alignment : Alignment
        The components of all panes as dimensions.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.alignment = Alignment()
        self._shown: dict[str, Pane] = {}
        self._index: dict[str, str] = {}

    @property
    def place(self) -> tuple[int, ...]:
        """Where the sliders are, along our dimensions."""
        first = self._extra
        return tuple(self._viewer.dims.current_step[first : first + len(self.alignment.axes)])

    def go_to_planes(self, panes: Sequence[Pane]) -> None:
        """Move to the planes that have come or were chosen; else stay at the same values."""
        for pane in panes:
            before = self._shown.get(pane.name)
            if pane.stack is not None and (
                before is None or before.index != pane.index or before.stack is not pane.stack
            ):
                self._index |= {name: pane.index.get(name, "") for name in pane.stack.axes}
        self._shown = {pane.name: pane for pane in panes}
        self._label()
        axes, first = self.alignment.axes, self._extra
        wanted = tuple(self.alignment.position(name, self._index.get(name, "")) or 0 for name in axes)
        if wanted != self.place:
            self._viewer.dims.set_current_step([first + at for at in range(len(axes))], wanted)
        self._index = self.alignment.index(wanted)

    def shows(self, pane: Pane) -> bool:
        """Whether the window shows the plane that a pane shows: other panes may have moved it elsewhere."""
        index = self.alignment.index(self.place)
        return all(index.get(name, "") == value for name, value in pane.index.items())

    def placed(self, tracks: Tracks) -> NDArray[np.float64]:
        """Return the rows of tracks in the dimensions of the window."""
        return placed(tracks, self.alignment.axes, self.alignment.position, self.place)

    def go_to_last_time(self) -> None:
        """Show tracks up to their last time where they have one of their own."""
        for extra in range(self._extra):
            last = self._viewer.dims.nsteps[extra] - 1
            if self._viewer.dims.current_step[extra] != last:
                self._viewer.dims.set_current_step(extra, last)

    def moved(self) -> Iterable[Selected]:
        """Yield the panes that show another plane since a person has moved a slider."""
        index = self.alignment.index(self.place)
        if index == self._index:
            return
        self._index = index
        for pane in self._shown.values():
            if pane.stack is None:
                continue
            mine = {name: index[name] for name in pane.stack.axes if index.get(name)}
            if mine != dict(pane.index) and pane.stack.plane(mine) is not None:
                yield Selected(pane.name, mine)

    @property
    def _extra(self) -> int:
        return max(0, int(self._viewer.dims.ndim) - 2 - len(self.alignment.axes))

    def _label(self) -> None:
        wanted = (*("",) * self._extra, *self.alignment.axes, "y", "x")
        if self.alignment.axes and tuple(self._viewer.dims.axis_labels) != wanted:
            self._viewer.dims.axis_labels = wanted
