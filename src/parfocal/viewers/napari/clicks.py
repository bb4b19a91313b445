"""Clicks into a napari window that pick the cell there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer

_LEFT = 1
_STILL_PX = 3
"""A mouse that moves less while its button is down has clicked, not dragged."""


class Clicks:
    """Gathers where a person has clicked, while the mouse is there to pan and zoom. For the GUI thread."""

    def __init__(self, viewer: Viewer) -> None:
        self._places: list[tuple[float, float]] = []
        viewer.mouse_drag_callbacks.append(self._pressed)

    def taken(self) -> list[tuple[float, float]]:
        """Return the x, y of each click since the last call, in pixels."""
        places, self._places = self._places, []
        return places

    def _pressed(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """Take part in a drag of napari, which goes on with this at each move until the button is up."""
        layer = viewer.layers.selection.active
        if event.button != _LEFT or str(getattr(layer, "mode", "pan_zoom")) != "pan_zoom":
            return
        y, x = (float(value) for value in event.position[-2:])
        begin = tuple(event.pos)
        yield
        while event.type == "mouse_move":
            if max(abs(now - was) for now, was in zip(event.pos, begin, strict=True)) > _STILL_PX:
                return
            yield
        self._places.append((x, y))
