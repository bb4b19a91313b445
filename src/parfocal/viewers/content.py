"""What was sent to a viewer, brought to its panes: planes of layers, annotations over them, picked cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.viewers.actions import Clicked, Drawn, Selected
from parfocal.viewers.annotation_table import AnnotationTable
from parfocal.viewers.annotations import Labels
from parfocal.viewers.budget import Budget
from parfocal.viewers.display import shown_plane
from parfocal.viewers.layers import Layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from parfocal.viewers.actions import Action
    from parfocal.viewers.annotations import Annotation
    from parfocal.viewers.layers import Index
    from parfocal.viewers.panes import PaneTable


class Content:
    """Layers and annotations within one budget, and which plane of each pane is shown. For one thread.

    A pane shows each plane as it comes, until a person has chosen one: then it keeps that, until the person
    goes to the newest.

    Parameters
    ----------
    panes : PaneTable
        Where layers are shown; panes of streams may have annotations, too.
    budget_bytes : int
        All images and annotations take no more.
    """

    def __init__(self, panes: PaneTable, budget_bytes: int) -> None:
        self._panes = panes
        self.budget = Budget(budget_bytes)
        self.layers = Layers(self.budget)
        self._annotations = AnnotationTable(self.budget)
        self._newest: dict[str, Index] = {}
        self._kept: set[str] = set()

    def show(self, layer: str, index: Index, image: NDArray[Any]) -> None:
        """Hold a plane, and show it in its pane unless a person has chosen another there."""
        plane = shown_plane(image)
        pane = self.layers.put(layer, index, plane if plane is image else plane.copy())
        components = self.layers.components(layer)
        self._newest[pane] = components.within(index)
        if pane not in self._kept or self._panes[pane].index == self._newest[pane]:
            self._show_plane(pane, self._newest[pane])
        else:
            self._panes.change(pane, caption=self._caption(pane, self._panes[pane].index))

    def select(self, name: str, index: Index, *, keep: bool = False) -> None:
        """Show another plane of a pane, or of all panes of a layer that have it; a missing one is blank.

        Parameters
        ----------
        index : dict
            Components that change; the others stay as they are.
        keep : bool
            Whether the panes stay there when other planes come.

        Raises
        ------
        BadInputError
            If no pane has a plane with one of these components.
        """
        panes = self.layers.parts_of(name) or (self.layers[name] and name,)
        chosen: dict[str, Index] = {}
        problem: BadInputError | None = None
        for pane in panes:
            outside, stack = self.layers[pane].outside, self.layers[pane].stack
            if any(outside.get(one, value) != value for one, value in index.items()):
                continue
            within = {one: value for one, value in index.items() if one not in outside}
            wanted = {**self._panes[pane].index, **within}
            try:
                if unknown := wanted.keys() - set(stack.axes):
                    raise BadInputError(f"no image of {pane!r} has a component {min(unknown)!r}")
                stack.position(wanted)
            except BadInputError as error:
                problem = error
            else:
                chosen[pane] = wanted
        if not chosen:
            raise problem or BadInputError(f"no image of layer {name!r} has {index}")
        for pane, wanted in chosen.items():
            (self._kept.add if keep and wanted != self._newest[pane] else self._kept.discard)(pane)
            self._show_plane(pane, wanted)

    def annotate(self, over: str, annotation: Annotation) -> None:
        """Lay an annotation over a pane, or over the panes of a layer."""
        self._panes_of(over)  # refused before anything is held
        self._annotations.put(over, annotation)
        self._annotate_panes(over)

    def remove(self, name: str) -> None:
        """Close a pane or all panes of a layer, with what lies over them."""
        for pane in self._panes_of(name):
            if self._annotations.names(pane):
                self._annotations.remove(pane)
            self._panes.remove(pane)
            self._newest.pop(pane, None)
            self._kept.discard(pane)
        if self._annotations.names(name):
            self._annotations.remove(name)
        self.layers.remove(name)

    def remove_annotation(self, over: str, name: str) -> None:
        """Take back what is called so over a pane or a layer."""
        self._annotations.remove(over, name)
        self._annotate_panes(over)

    def set_components(self, layer: str, roles: Mapping[str, str], padding: str = "") -> None:
        """Split one layer, or all if it is "", into dimensions and panes in another way.

        A pane that is new is shown as the one was that showed its planes before, at the same plane.
        """
        shown = {pane: {**self.layers[pane].outside, **self._panes[pane].index} for pane in self.layers}
        newest = {pane: self.layers[pane].outside | self._newest[pane] for pane in self.layers}
        came = self.layers.set_components(layer, roles, padding)
        self._panes.rename(came, gone=shown.keys() - came.keys())
        self._kept = {pane for pane, before in came.items() if before in self._kept}
        for pane, before in came.items():
            components = self.layers.components(self.layers[pane].layer)
            stack = self.layers[pane].stack
            last = {} if not stack.planes else list(stack.indices())[-1]
            mine = components.outside(newest[before]) == self.layers[pane].outside
            self._newest[pane] = components.within(newest[before]) if mine else last
            wanted = components.within(shown[before])
            held = stack.plane(wanted) is not None
            self._show_plane(pane, wanted if held else self._newest[pane])
        self._newest = {pane: index for pane, index in self._newest.items() if pane in came}

    def act(self, action: Action) -> None:
        """Do what a person has done in a window; raises as the method that a program calls for it."""
        match action:
            case Selected(pane, index):
                self.select(pane, dict(index), keep=True)
            case Clicked(pane, x_px, y_px):
                self.pick(pane, x_px, y_px)
            case Drawn(pane, annotation):
                self.annotate(pane, annotation)

    def pick(self, pane: str, x_px: float, y_px: float) -> tuple[int, ...]:
        """Pick the cell at a point of a pane, or let go of it; return the numbers that are picked."""
        shown = self._panes[pane]
        number = _number_at(shown.annotations, round(x_px), round(y_px))
        if number:
            kept = tuple(one for one in shown.picked if one != number)
            picked = kept if number in shown.picked else (*shown.picked, number)
            self._panes.change(pane, picked=picked)
        return self._panes[pane].picked

    def _panes_of(self, name: str) -> tuple[str, ...]:
        return self.layers.parts_of(name) or (self._panes[name].name,)

    def _show_plane(self, pane: str, index: Index) -> None:
        part = self.layers[pane]
        plane = part.stack.plane(index)
        image = part.stack[part.stack.position(index)] if plane is None else plane
        over = self._over(pane, part.outside | index)
        caption = self._caption(pane, index)
        self._panes.put_image(pane, image, stack=part.stack, index=index, caption=caption, annotations=over)

    def _caption(self, pane: str, index: Mapping[str, str]) -> str:
        stack = self.layers[pane].stack
        parts = [f"{name} {value}" for name, value in index.items()]
        if stack.plane(index) is None:
            parts.append("nothing was sent")
        count = f" ({stack.planes} images)" if stack.planes > 1 else ""
        return ", ".join(parts) + count

    def _over(self, pane: str, index: Mapping[str, str]) -> tuple[Annotation, ...]:
        layer = self.layers[pane].layer if pane in self.layers else pane
        return self._annotations.over(dict.fromkeys((layer, pane)), index)

    def _annotate_panes(self, over: str) -> None:
        for pane in self._panes_of(over):
            outside = self.layers[pane].outside if pane in self.layers else {}
            index = {**outside, **self._panes[pane].index}
            self._panes.change(pane, annotations=self._over(pane, index))


def _number_at(annotations: Iterable[Annotation], x: int, y: int) -> int:
    """Return the number of the cell at a pixel by the uppermost labels that have one there; 0 for none."""
    number = 0
    for labels in annotations:
        if isinstance(labels, Labels) and labels.pickable:
            height, width = labels.image.shape
            at = int(labels.image[y, x]) if 0 <= y < height and 0 <= x < width else 0
            number = at or number
    return number
