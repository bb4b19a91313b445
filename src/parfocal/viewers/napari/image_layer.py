"""One pane's images as a napari layer: changed in place, so that all that a person has chosen stays."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.core.errors import BadInputError
from parfocal.viewers.display import Display, auto_levels, changed
from parfocal.viewers.napari.planes import Planes

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from parfocal.viewers.napari.alignment import Alignment
    from parfocal.viewers.panes import Pane

_COLORMAPS = {"grey": "gray", "inverted": "gray_r"}
"""Colormaps that napari calls otherwise."""
_OURS = {theirs: ours for ours, theirs in _COLORMAPS.items()}
_THUMBNAIL_EVERY_S = 1.0


class _Form(NamedTuple):
    shape: tuple[int, ...]
    plane: tuple[Any, ...]  # its shape and number type


class ImageLayer:
    """Keeps a napari layer as a pane has it. For the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is, or is put again if it was removed there.
    alignment : Alignment
        The dimensions of the window.
    blending : str
        How it is laid over the layers before it.
    """

    def __init__(self, viewer: Viewer, alignment: Alignment, pane: Pane, blending: str) -> None:
        self._viewer = viewer
        self._alignment = alignment
        self._blending = blending
        self._applied = Display()
        self._thumbnail_s = 0.0
        self._planes: Planes
        self._shown: tuple[Any, ...]
        self._shown_form: _Form
        self._limits: Any
        self._colormap: str
        self._add(pane)

    def update(self, pane: Pane) -> None:
        """Show what the pane shows now."""
        news = _news(pane)
        if news != self._shown and (self.layer not in self._viewer.layers or self._other_colours(pane)):
            self.remove()
            self._add(pane)
            return
        self._planes.take(pane)
        if self._form() != self._shown_form:
            self._grow()
        elif news != self._shown:
            due = monotonic() - self._thumbnail_s > _THUMBNAIL_EVERY_S
            self._thumbnail_s = monotonic() if due else self._thumbnail_s
            self.layer.refresh(extent=False, highlight=False, thumbnail=due)
        self._show_as(pane, other_image=news != self._shown)
        self._shown = news

    def chosen(self) -> Display | None:
        """Return how a person has it shown now; None if that is as it was told."""
        choices: dict[str, Any] = {}
        if self.layer.auto_contrast:  # its button: from now on, by our rule, which passes over hot pixels
            self.layer.auto_contrast = False
            choices["contrast"] = "auto"
        elif self.layer.contrast_limits != self._limits:
            low, high = (float(level) for level in self.layer.contrast_limits)
            choices |= {"low": low, "high": high, "contrast": "fixed"}
        if self.layer.gamma != self._applied.gamma:
            choices["gamma"] = float(self.layer.gamma)
        colormap = self.layer.colormap.name
        if colormap != self._colormap:
            self._colormap = colormap
            choices["colormap"] = _OURS.get(colormap, colormap)
        if not choices:
            return None
        self._limits = self.layer.contrast_limits
        self._applied = _changed(self._applied, choices)
        return self._applied

    def remove(self) -> None:
        """Take the layer out of the window."""
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)

    def _add(self, pane: Pane) -> None:
        self._planes = Planes(self._alignment, pane)
        self._shown, self._shown_form = _news(pane), self._form()
        low, high = _levels(pane)
        self.layer: Image = self._viewer.add_image(
            self._planes,
            name=pane.name,
            rgb=self._planes.in_colours,
            multiscale=False,
            cache=False,
            blending=self._blending,
            contrast_limits=(low, high),
        )
        self._limits = self.layer.contrast_limits
        self._colormap = self.layer.colormap.name
        self._applied = Display()
        self._show_as(pane, other_image=True)

    def _form(self) -> _Form:
        return _Form(self._planes.shape, (self._planes.frame, self._planes.dtype))

    def _grow(self) -> None:
        """Tell napari that there are more planes, or larger ones; the position of its sliders stays."""
        before, self._shown_form = self._shown_form, self._form()
        if before.plane != self._shown_form.plane or len(before.shape) != len(self._shown_form.shape):
            self.layer.data = self._planes
        self.layer.translate = self.layer.translate  # looks at the shape anew, also of a hidden layer

    def _other_colours(self, pane: Pane) -> bool:
        """Whether the pane has come from grey to colours or back, which a layer of napari cannot."""
        assert pane.image is not None
        return bool(self.layer.rgb != (pane.image.ndim == 3))

    def _show_as(self, pane: Pane, *, other_image: bool) -> None:
        """Change what differs from what was applied before: what a person chose since then stays."""
        display, before = pane.display, self._applied
        if not self.layer.rgb and (display.contrast == "fixed" or other_image or before.contrast == "fixed"):
            limits = _levels(pane)
            if limits != tuple(self._limits):
                self.layer.contrast_limits = limits
                self._limits = self.layer.contrast_limits
        if display.gamma != before.gamma:
            self.layer.gamma = display.gamma
        if display.colormap != before.colormap:
            self.layer.colormap = _COLORMAPS.get(display.colormap, display.colormap)
            self._colormap = self.layer.colormap.name
        self._applied = display


def _news(pane: Pane) -> tuple[Any, ...]:
    """Return what is another one with each image that comes."""
    return pane.version, id(pane.stack), pane.stack.version if pane.stack is not None else 0


def _levels(pane: Pane) -> tuple[float, float]:
    assert pane.image is not None
    if pane.display.contrast == "fixed":
        return pane.display.low, pane.display.high
    return (0.0, 255.0) if pane.image.ndim == 3 else auto_levels(pane.image)


def _changed(display: Display, choices: dict[str, Any]) -> Display:
    """Return a display with what a person chose; a colormap that only napari has stays in its window."""
    try:
        return changed(display, **choices)
    except BadInputError:
        choices.pop("colormap", None)
        return changed(display, **choices)
