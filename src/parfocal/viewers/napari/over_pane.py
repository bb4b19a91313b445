"""All that lies over one pane in a napari window: its annotations, the cells that are picked, its markers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.viewers.actions import Drawn
from parfocal.viewers.annotations import Annotation, Labels, Tracks
from parfocal.viewers.napari.annotation_layers import cleared, drawn, made, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari import Viewer
    from napari.layers import Layer

    from parfocal.viewers.napari.annotation_layers import Place
    from parfocal.viewers.panes import Marker, Pane
    from parfocal.viewers.qt.theme import Theme

_PICKED, _MARKERS = "picked", "beads"
_FINISHED = ("added", "removed", "changed")
"""What napari calls changes that a person has finished."""


@dataclass
class _Held:
    layer: Layer
    annotation: Annotation
    shown: Any = None
    edited: bool = False


class OverPane:
    """Keeps layers as a pane's annotations are. For the GUI thread.

    A layer stays while each plane has another annotation, so that its colours and visibility stay; it goes
    when its annotation is taken back.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    theme : Theme
        Its colours are those of markers.
    """

    def __init__(self, viewer: Viewer, name: str, theme: Theme) -> None:
        self._viewer = viewer
        self._name = name
        self._theme = theme
        self._held: dict[str, _Held] = {}
        self._index: Mapping[str, str] = {}
        self._applying = False
        self._markers: tuple[Marker, ...] = ()
        self._marks: Any = None

    def update(self, pane: Pane, there: bool, place: Place, position: tuple[int, ...]) -> None:
        """Show what lies over the plane that the pane shows.

        Parameters
        ----------
        there : bool
            Whether the window shows that plane: another one is another pane's.
        place : callable
            Returns rows of tracks in the dimensions of the window.
        position : tuple of int
            Where the window is: tracks are placed anew when that changes.
        """
        annotations = {one.name: one for one in (*pane.annotations, *_picked(pane))} if there else {}
        moved = dict(pane.index) != self._index or not there
        self._index = dict(pane.index)
        self._applying = True
        try:
            for name in set(self._held) - set(annotations):
                self._clear(name, place) if moved else self._remove(name)
            for name, annotation in annotations.items():
                self._show(name, annotation, place, position if isinstance(annotation, Tracks) else None)
            self._show_markers(pane.markers)
        finally:
            self._applying = False

    def adopt(self, layer: Layer, annotation: Annotation) -> None:
        """Go on with a layer that a person has begun as one of this pane."""
        self._held[annotation.name] = _Held(layer, annotation, annotation)
        self._listen(self._held[annotation.name])

    def edits(self) -> Iterator[Drawn]:
        """Yield what a person has drawn or changed since the last call."""
        for name, held in self._held.items():
            if held.edited and name != _PICKED:
                held.edited = False
                index = {one: self._index.get(one, value) for one, value in held.annotation.index.items()}
                held.annotation = replace(drawn(held.layer, held.annotation), index=index)
                held.shown = held.annotation
                yield Drawn(self._name, held.annotation)

    def remove(self) -> None:
        """Take all layers out of the window."""
        for name in tuple(self._held):
            self._remove(name)
        if self._marks is not None and self._marks in self._viewer.layers:
            self._viewer.layers.remove(self._marks)

    def _show(self, name: str, annotation: Annotation, place: Place, position: Any) -> None:
        held = self._held.get(name)
        key = annotation if position is None else (annotation, position)
        if held is not None and held.shown == key:
            return
        if held is not None and (
            held.layer not in self._viewer.layers or type(held.annotation) is not type(annotation)
        ):
            self._remove(name)
            held = None
        if held is None:
            if not annotation.count and isinstance(annotation, Tracks):
                return  # napari has no empty tracks
            layer = made(annotation, f"{self._name} {name}", place)
            active = self._viewer.layers.selection.active
            self._viewer.add_layer(layer)
            self._viewer.layers.selection.active = active
            held = self._held[name] = _Held(layer, annotation)
            self._listen(held)
        else:
            show(held.layer, annotation, place)
        held.annotation, held.shown, held.edited = annotation, key, False

    def _clear(self, name: str, place: Place) -> None:
        held = self._held[name]
        if isinstance(held.annotation, Tracks):
            self._remove(name)
        elif held.annotation.count:
            held.annotation = cleared(held.annotation)
            held.shown, held.edited = None, False
            show(held.layer, held.annotation, place)

    def _remove(self, name: str) -> None:
        layer = self._held.pop(name).layer
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _listen(self, held: _Held) -> None:
        def edited(event: Any) -> None:
            if not self._applying and getattr(event, "action", "added") in _FINISHED:
                held.edited = True

        events = held.layer.events
        (events.paint if isinstance(held.annotation, Labels) else events.data).connect(edited)

    def _show_markers(self, markers: tuple[Marker, ...]) -> None:
        """Show the regions of beads as squares, coloured by how the bead is, with their numbers."""
        if markers == self._markers:
            return
        self._markers = markers
        places = np.array([(one.y_px, one.x_px) for one in markers]).reshape(-1, 2)
        if self._marks is None or self._marks not in self._viewer.layers:
            active = self._viewer.layers.selection.active
            self._marks = self._viewer.add_points(
                ndim=2,
                name=f"{self._name} {_MARKERS}",
                symbol="square",
                face_color="transparent",
                border_width_is_relative=False,
            )
            self._viewer.layers.selection.active = active
        colours = {kind: getattr(self._theme, kind) for kind in ("good", "flagged", "untracked")}
        self._marks.data = places
        self._marks.features = {"bead": [one.bead for one in markers]}
        if markers:
            self._marks.size = [one.size_px for one in markers]
            self._marks.border_color = [colours[one.kind] for one in markers]
            self._marks.border_width = 1
            self._marks.face_color = "transparent"
            self._marks.selected_data = set()
        self._marks.text = {"string": "{bead}", "color": self._theme.text, "anchor": "upper_left", "size": 9}
        self._marks.editable = False


def _picked(pane: Pane) -> tuple[Annotation, ...]:
    """Return the picked cells as labels of their own, white over the others."""
    if not pane.picked:
        return ()
    areas = [one for one in pane.annotations if isinstance(one, Labels) and one.pickable]
    if not areas:
        return ()
    chosen = np.zeros_like(areas[0].image)
    for labels in areas:
        if labels.image.shape == chosen.shape:
            chosen = np.where(np.isin(labels.image, labels.areas_of(pane.picked)), labels.image, chosen)
    return (Labels(_PICKED, chosen, colour="#ffffff", pickable=False),)
