"""The window of the napari viewer: layers from panes, one slider for each component, plots in a dock."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QObject
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QApplication, QMainWindow

from parfocal.viewers.actions import Action, Clicked, Drawn
from parfocal.viewers.annotations import Annotation, Labels, Points, Shapes
from parfocal.viewers.captions import caption_of
from parfocal.viewers.display import changed
from parfocal.viewers.napari.annotation_layers import made
from parfocal.viewers.napari.clicks import Clicks
from parfocal.viewers.napari.image_layer import ImageLayer
from parfocal.viewers.napari.over_pane import OverPane
from parfocal.viewers.napari.sliders import Sliders
from parfocal.viewers.napari.themes import theme_for
from parfocal.viewers.qt.theme import theme_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

    from parfocal.viewers.display import Display
    from parfocal.viewers.panes import Pane, Plot
    from parfocal.viewers.qt.plots import PlotPane

_SIZE = (1180, 720)
_ZOOMS = (1e-3, 1e3)
_DRAWN: dict[str, Callable[[str, dict[str, str]], Annotation]] = {
    "Points": lambda name, index: Points(name, np.empty((0, 2)), index),
    "Shapes": lambda name, index: Shapes(name, (), index),
}
"""What a person may begin to draw in layers of these classes of napari."""


class NapariWindow(QObject):
    """Paints panes with napari (a `parfocal.viewers.panes.View`). For the GUI thread.

    Parameters
    ----------
    title, theme : str
        Of the window.
    closed : callable
        Called when a person closes it.
    """

    def __init__(self, title: str, theme: str, closed: Callable[[], None]) -> None:
        super().__init__()
        self._closed = closed
        self._theme = theme_of(theme)
        from napari import Viewer

        self.viewer = Viewer(title=title)
        self.viewer.theme = theme_for(theme)
        self._text = self.viewer.canvas.overlays.text
        self._main, self._canvas = _widgets()
        self._main.resize(*_SIZE)
        self._main.installEventFilter(self)
        self._sliders = Sliders(self.viewer)
        self._clicks = Clicks(self.viewer)
        self._shown: dict[str, Pane] = {}
        self._images: dict[str, ImageLayer] = {}
        self._over: dict[str, OverPane] = {}
        self._camera = self._camera_now()
        self._added: list[Layer] = []
        self._changing = False
        self._plots: PlotPane | None = None
        self._plots_dock: Any = None
        self._is_open = True
        self.viewer.layers.events.inserted.connect(self._layer_inserted)
        self._paint_now()
        gc.freeze()  # napari collects garbage for each layer that goes: what is here by now stays anyway

    def paint(self, panes: Sequence[Pane], plots: Sequence[Plot]) -> None:
        """Show this; when it returns, the pixels of the canvas are these."""
        shown = [pane for pane in panes if pane.image is not None]
        with self._we_change():
            self._sliders.alignment.update([pane.stack for pane in shown if pane.stack is not None])
            self._remove_others({pane.name for pane in shown})
            for pane in shown:
                self._show_image(pane)
            self._sliders.go_to_planes(shown)
            for pane in shown:
                there, place = self._sliders.shows(pane), self._sliders.place
                self._over[pane.name].update(pane, there, self._sliders.placed, place)
            self._sliders.go_to_last_time()
            self._take_camera(shown)
        self._shown = {pane.name: pane for pane in shown}
        self._show_text(panes)
        self._show_plots(plots)
        self._paint_now()

    def grab(self) -> NDArray[Any]:
        """Return the pixels of the window, (y, x, 3) uint8."""
        return np.ascontiguousarray(self.viewer.screenshot(canvas_only=False, flash=False)[..., :3])

    def displays(self) -> Mapping[str, Display]:
        """Return what a person has chosen since the last call, by pane."""
        chosen = {name: image.chosen() for name, image in self._images.items()}
        told = {name: display for name, display in chosen.items() if display is not None}
        if self._camera_now() != self._camera:
            self._camera = self._camera_now()
            center, zoom = self._camera
            for name, pane in self._shown.items():
                display = told.get(name, pane.display)
                told[name] = changed(display, center=center, zoom=float(np.clip(zoom, *_ZOOMS)))
        for name, display in told.items():
            self._shown[name] = replace(self._shown[name], display=display)
        return told

    def new_actions(self) -> Sequence[Action]:
        """Return what else a person has done since the last call, in order."""
        actions: list[Action] = [*self._sliders.moved(), *self._picks()]
        added, self._added = self._added, []
        for layer in added:
            actions += self._adopted(layer)
        for over in self._over.values():
            actions += over.edits()
        return actions

    def close(self) -> None:
        """Close the window; nobody is told. Idempotent."""
        if self._is_open:
            self._is_open = False
            self.viewer.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell that a person has closed the window once it is hidden: napari may ask before."""
        hidden = watched is self._main and event.type() == QEvent.Type.Hide and not self._main.isMinimized()
        if hidden and self._is_open:
            self._is_open = False
            self._closed()
        return False

    # -- from panes to layers -----------------------------------------------------------------------

    @contextmanager
    def _we_change(self) -> Iterator[None]:
        """Layers that come meanwhile are ours, and no person's."""
        self._changing = True
        try:
            yield
        finally:
            self._changing = False

    def _remove_others(self, names: set[str]) -> None:
        for name in set(self._images) - names:
            self._images.pop(name).remove()
            self._over.pop(name).remove()

    def _show_image(self, pane: Pane) -> None:
        if pane.name in self._images:
            self._images[pane.name].update(pane)
            return
        blending = "additive" if self._images else "translucent"
        self._images[pane.name] = ImageLayer(self.viewer, self._sliders.alignment, pane, blending)
        self._over[pane.name] = OverPane(self.viewer, pane.name, self._theme)

    def _take_camera(self, panes: Sequence[Pane]) -> None:
        """Move the camera if a pane is to be shown at another place than before; else it stays."""
        for pane in panes:
            before = self._shown.get(pane.name)
            was = (None, 1.0) if before is None else (before.display.center, before.display.zoom)
            center, zoom = pane.display.center, pane.display.zoom
            if center is not None and (center, zoom) != was:
                self.viewer.scene.camera.center = (center[1], center[0])
                self.viewer.scene.camera.zoom = zoom
            elif center is None and was[0] is not None:
                self.viewer.reset_view()
        self._camera = self._camera_now()

    def _show_text(self, panes: Sequence[Pane]) -> None:
        text = "\n".join(f"{pane.name}   {caption_of(pane)}" for pane in panes)
        if text and text != self._text.text:
            self._text.text = text
        if self._text.visible != bool(text):  # vispy crashes where it is to draw a text without letters
            self._text.visible = bool(text)

    def _show_plots(self, plots: Sequence[Plot]) -> None:
        if plots and self._plots is None:
            from parfocal.viewers.qt.plots import PlotPane

            self._plots = PlotPane(self._theme)
            self._plots_dock = self.viewer.window.add_dock_widget(self._plots, name="plots", area="right")
        if self._plots is not None:
            self._plots_dock.setVisible(bool(plots))
            self._plots.show_plots(plots)

    def _paint_now(self) -> None:
        """Have Qt paint the canvas before it does anything else, and once: in software that takes longest."""
        self._canvas.repaint()

    # -- what a person does -------------------------------------------------------------------------

    def _picks(self) -> Iterator[Clicked]:
        for x, y in self._clicks.taken():
            for pane in self._shown.values():
                if any(isinstance(one, Labels) and one.pickable for one in pane.annotations):
                    yield Clicked(pane.name, x, y)

    def _layer_inserted(self, event: Any) -> None:
        if not self._changing and type(event.value).__name__ in _DRAWN:
            self._added.append(event.value)

    def _adopted(self, layer: Layer) -> Iterator[Drawn]:
        """Make a layer that a person has added one of the uppermost pane, over the plane that it shows."""
        if layer not in self.viewer.layers or not self._shown:
            return
        pane = next(reversed(self._shown.values()))
        index, name = dict(pane.index), layer.name
        annotation = _DRAWN[type(layer).__name__](name, index)
        with self._we_change():
            mine = made(annotation, name, self._sliders.placed)
            self.viewer.layers.remove(layer)
            mine.name = name
            self.viewer.add_layer(mine)
            mine.mode = layer.mode
        self._over[pane.name].adopt(mine, annotation)
        yield Drawn(pane.name, annotation)

    def _camera_now(self) -> tuple[tuple[float, float], float]:
        y, x = self.viewer.scene.camera.center[-2:]
        return (float(x), float(y)), float(self.viewer.scene.camera.zoom)


def _widgets() -> tuple[QMainWindow, QOpenGLWidget]:
    """Return the window that napari has opened, and the canvas in it."""
    main = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMainWindow))
    canvas = main.findChild(QOpenGLWidget)
    assert isinstance(canvas, QOpenGLWidget)
    return main, canvas
