"""What was sent to a viewer, brought to its panes: planes of layers, annotations over them, picked cells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.viewers.actions import Clicked, Drawn, Selected
from parfocal.viewers.annotation_table import AnnotationTable
from parfocal.viewers.annotations import Labels
from parfocal.viewers.budget import Budget
from parfocal.viewers.display import shown_plane
from parfocal.viewers.layers import Layers
from parfocal.viewers.plane_choice import TIME, PlaneChoice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from parfocal.viewers.actions import Action
    from parfocal.viewers.annotations import Annotation
    from parfocal.viewers.layers import Index
    from parfocal.viewers.panes import PaneTable

Place = frozenset[tuple[str, str]]
"""Where in the sample a plane lies: its components but for those of `_SAME_PLACE`."""
_SAME_PLACE = (TIME, "z", "channel")


class Content:
    """Layers and annotations within one budget, and which plane of each pane is shown. For one thread.

    A pane shows each plane as it comes, until a person has chosen one: then it goes on only from the newest
    time point of a place to the next one there.

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
        self._choices: dict[str, PlaneChoice] = {}
        self._picks: dict[str, dict[Place, tuple[int, ...]]] = {}
        self._gone: dict[str, int] = {}
        self._giving_way: list[str] = []

    def show(self, layer: str, index: Index, image: NDArray[Any]) -> None:
        """Hold a plane, and show it in its pane unless a person has chosen another there."""
        plane = shown_plane(image)
        pane = self.layers.put(layer, index, plane if plane is image else plane.copy())
        choice = self._choices.setdefault(pane, PlaneChoice())
        self._panes.add(pane, live=False)
        shown = self._panes[pane].index
        wanted = choice.arrive(self.layers.components(layer).within(index), shown)
        if wanted is None:
            self._panes.change(pane, caption=self._caption(pane, shown))
        else:
            self._show_plane(pane, wanted)

    def make_room(self, layer: str, nbytes: int) -> None:
        """Let go of layers that give way, then of the oldest planes of this one, until `nbytes` fit.

        What lies over them goes, too. A pane keeps its last plane: it may still not fit.
        """
        while not self.budget.fits(nbytes) and self._giving_way:
            old = self._giving_way.pop(0)
            if self.layers.parts_of(old):  # nobody has removed it
                self.remove(old)
        while not self.budget.fits(nbytes) and (oldest := self.layers.oldest(layer)) is not None:
            pane, index = oldest
            self.layers.drop(layer, index)
            self._annotations.drop(layer, index, partial(self.layers.has, layer))
            self._gone[layer] = self._gone.get(layer, 0) + 1
            within = self.layers.components(layer).within(index)
            self._choices[pane].forget(within)
            if self._panes[pane].index == within:
                self._show_plane(pane, self._existing(pane))

    def give_way(self, layer: str, *, gives: bool = True) -> None:
        """Have a layer go as a whole, the first that was named first, when another one needs its room."""
        self._giving_way = [
            *(other for other in self._giving_way if other != layer),
            *([layer] if gives else ()),
        ]

    def gone(self, layer: str) -> int:
        """Return how many planes of a layer went because newer ones needed their room."""
        return self._gone.get(layer, 0)

    def select(self, name: str, index: Index, *, keep: bool = False) -> None:
        """Show another plane of a pane, or of all panes of a layer that have it; a missing one is blank.

        Parameters
        ----------
        index : dict
            Components that change; the others stay as they are. If it is empty, the newest plane is shown.
        keep : bool
            Whether a person chose it: the pane stays at that place when planes of others come.

        Raises
        ------
        BadInputError
            If no pane has a plane with one of these components.
        """
        panes = self.layers.parts_of(name) or (self.layers[name] and name,)
        chosen: dict[str, Index] = {}
        problem: BadInputError | None = None
        for pane in panes:
            try:
                chosen[pane] = self._wanted(pane, index)
            except BadInputError as error:
                problem = error
        if not chosen and problem is not None:
            raise problem
        for pane, wanted in chosen.items():
            self._choices[pane].kept = keep and bool(index)
            self._show_plane(pane, wanted)

    def annotate(self, over: str, annotation: Annotation) -> None:
        """Lay an annotation over a pane, or over the panes of a layer."""
        self._panes_of(over)  # refused before anything is held
        self._annotations.put(over, annotation)
        self._annotate_panes(over)

    def remove(self, name: str) -> None:
        """Close a pane or all panes of a layer, with what lies over them."""
        layers = {self.layers[pane].layer for pane in self.layers.parts_of(name)}
        for pane in self._panes_of(name):
            self._annotations.remove(pane)
            self._panes.remove(pane)
            self._choices.pop(pane, None)
        self.layers.remove(name)
        for layer in {name, *layers} - {self.layers[pane].layer for pane in self.layers}:
            self._annotations.remove(layer)
            self._picks.pop(layer, None)
            self._gone.pop(layer, None)

    def remove_annotation(self, over: str, name: str) -> None:
        """Take back what is called so over a pane or a layer."""
        self._annotations.remove_named(over, name)
        self._annotate_panes(over)

    def set_components(self, layer: str, roles: Mapping[str, str], padding: str = "") -> None:
        """Split one layer, or all if it is "", into dimensions and panes in another way.

        A pane that is new is shown as the one was that showed its planes before, at the same plane.
        """
        shown = {pane: {**self.layers[pane].outside, **self._panes[pane].index} for pane in self.layers}
        kept = {pane for pane, choice in self._choices.items() if choice.kept}
        came = self.layers.set_components(layer, roles, padding)
        self._panes.rename(came, gone=shown.keys() - came.keys())
        self._choices = {}
        for pane, before in came.items():
            choice = self._choices[pane] = PlaneChoice()
            for index in self.layers[pane].stack.indices():
                choice.arrive(index, {})
            choice.kept = before in kept
            wanted = self.layers.components(self.layers[pane].layer).within(shown[before])
            held = self.layers[pane].stack.plane(wanted) is not None
            self._show_plane(pane, wanted if held else choice.newest)

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
        """Pick the cell at a point of a pane, or let go of it; return the numbers that are picked.

        It is picked in all panes of the layer, and at all time points, planes and channels of the place.
        """
        shown = self._panes[pane]
        number = _number_at(shown.annotations, round(x_px), round(y_px))
        if number is not None:
            left = tuple(one for one in shown.picked if one != number)
            picked = left if number in shown.picked else (*shown.picked, number)
            layer, place = self._place_of(pane)
            self._picks.setdefault(layer, {})[place] = picked
            for other in self._panes_of(layer):
                if self._place_of(other) == (layer, place):
                    self._panes.change(other, picked=picked)
        return self._panes[pane].picked

    def picks(self, layer: str) -> Mapping[Place, tuple[int, ...]]:
        """Return the numbers that are picked in a layer, by the place."""
        return self._picks.get(layer, {})

    def _wanted(self, pane: str, index: Index) -> Index:
        """Return the plane of a pane that is meant by components that change."""
        outside, stack = self.layers[pane].outside, self.layers[pane].stack
        choice, shown = self._choices[pane], self._panes[pane].index
        if not index:
            return choice.newest
        for name, value in index.items():
            if outside.get(name, value) != value:
                raise BadInputError(f"no image of {pane!r} has {name} {value!r}")
            if name not in outside and name not in stack.axes:
                raise BadInputError(f"no image of {pane!r} has a component {name!r}")
        wanted = {**shown, **{name: value for name, value in index.items() if name not in outside}}
        stack.position(wanted)
        if TIME not in index or wanted.get(TIME) == shown.get(TIME):
            return wanted if stack.plane(wanted) is not None else choice.at_place(wanted, shown)
        return wanted

    def _panes_of(self, name: str) -> tuple[str, ...]:
        return self.layers.parts_of(name) or (self._panes[name].name,)

    def _place_of(self, pane: str) -> tuple[str, Place]:
        """Return the layer of a pane, and where in the sample the plane lies that it shows."""
        if pane not in self.layers:
            return pane, frozenset()
        index = {**self.layers[pane].outside, **self._panes[pane].index}
        return self.layers[pane].layer, frozenset(
            (name, value) for name, value in index.items() if name not in _SAME_PLACE
        )

    def _existing(self, pane: str) -> Index:
        """Return the newest plane of a pane, or another if that is gone."""
        stack, newest = self.layers[pane].stack, self._choices[pane].newest
        return newest if stack.plane(newest) is not None else next(stack.indices())

    def _show_plane(self, pane: str, index: Index) -> None:
        stack = self.layers[pane].stack
        plane = stack.plane(index)
        image = stack[stack.position(index)] if plane is None else plane
        caption = self._caption(pane, index)
        self._panes.put_image(pane, image, stack=stack, index=index, caption=caption)
        layer, place = self._place_of(pane)
        picked = self._picks.get(layer, {}).get(place, ())
        self._panes.change(pane, annotations=self._over(pane), picked=picked)

    def _caption(self, pane: str, index: Mapping[str, str]) -> str:
        layer, _, stack = self.layers[pane]
        parts = [f"{name} {value}" for name, value in index.items()]
        if stack.plane(index) is None:
            parts.append("nothing was sent")
        gone = f"; {self.gone(layer)} gone to make room" if self.gone(layer) else ""
        count = f" ({stack.planes} images{gone})" if stack.planes > 1 or gone else ""
        return ", ".join(parts) + count

    def _over(self, pane: str) -> tuple[Annotation, ...]:
        """Return what lies over the plane that a pane shows."""
        if pane not in self.layers:
            return self._annotations.over((pane,), {})
        layer, outside, _ = self.layers[pane]
        places = dict.fromkeys((layer, pane))
        return self._annotations.over(places, {**outside, **self._panes[pane].index})

    def _annotate_panes(self, over: str) -> None:
        for pane in self._panes_of(over):
            self._panes.change(pane, annotations=self._over(pane))


def _number_at(annotations: Iterable[Annotation], x: int, y: int) -> int | None:
    """Return the number of the cell at a pixel by the uppermost labels that have one there; None for none."""
    number = None
    for labels in annotations:
        if isinstance(labels, Labels) and labels.pickable:
            height, width = labels.image.shape
            area = int(labels.image[y, x]) if 0 <= y < height and 0 <= x < width else 0
            number = labels.picked_as(area) if area > 0 else number
    return number
