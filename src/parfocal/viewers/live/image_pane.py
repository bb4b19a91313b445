"""One image in a window: pan, zoom, crosshair, scale bar, regions, contrast with its histogram."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLocale, QPointF, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from parfocal.formats.write_tiff import write_image
from parfocal.viewers import marking
from parfocal.viewers.actions import Clicked, Drawn, Selected
from parfocal.viewers.annotations import Labels
from parfocal.viewers.captions import caption_of
from parfocal.viewers.display import Colormap, Display, changed, colour, levels, lookup_table
from parfocal.viewers.live.annotation_items import AnnotationItems
from parfocal.viewers.live.histogram import LevelsBar
from parfocal.viewers.live.marks import RegionMarks, ScaleBar
from parfocal.viewers.live.plane_sliders import PlaneSliders
from parfocal.viewers.saving import save_picture

if TYPE_CHECKING:
    from parfocal.viewers.actions import Action
    from parfocal.viewers.panes import Pane
    from parfocal.viewers.qt.theme import Theme
    from parfocal.viewers.regions import EditableRegions

_MAPS_PX = 80
"""How wide the choice of colours may become: two panes fit into 1180 pixels."""


class ImageBox(pg.ViewBox):
    """Pans and zooms by mouse; a drag may be taken by somebody else, who moves a region by it."""

    def __init__(self, take_drag: Callable[[Any, Any, bool], bool]) -> None:
        super().__init__(lockAspect=True, invertY=True, enableMenu=False)
        self._take_drag = take_drag

    def mouseDragEvent(self, ev: Any, axis: Any = None) -> None:
        """Offer the drag; pan by it if nobody takes it."""
        begin, now = self.mapToView(ev.buttonDownPos()), self.mapToView(ev.pos())
        if self._take_drag(begin, now, ev.isFinish()):
            ev.accept()
        else:
            super().mouseDragEvent(ev, axis)


class ImagePane(QWidget):
    """Shows one pane. For the GUI thread.

    Parameters
    ----------
    name : str
        Of the pane.
    theme : Theme
        Its colours.
    regions : callable
        Returns the regions that clicks change, or None.
    take_click : callable, optional
        Given x and y of each left click that no tool takes, image pixels; one that it does not take either,
        by returning False, places the crosshair.

    Attributes
    ----------
    acted : signal
        A person has done something that `take_actions` tells.
    """

    acted = Signal()

    def __init__(
        self,
        name: str,
        theme: Theme,
        regions: Callable[[], EditableRegions | None],
        take_click: Callable[[float, float], bool] = lambda _x, _y: False,
    ) -> None:
        super().__init__()
        self._take_click = take_click
        self._theme = theme
        self._regions = regions
        self._name = name
        self._version = -1
        self._shown: Pane | None = None
        self.display = Display()
        self._chosen = False
        self._actions: list[Action] = []
        self._title = QLabel(name)
        self._title.setToolTip(name)
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._recording = QLabel("")
        self._recording.setObjectName("alarm")
        self._status = QLabel("")
        self._status.setObjectName("faint")
        self._pixel = QLabel("")
        self._pixel.setObjectName("faint")
        self._make_canvas()
        self._make_controls()
        self._lay_out()

    def show_pane(self, pane: Pane) -> None:
        """Take over a pane: only what differs from what is shown is changed."""
        before, self._shown = self._shown, pane
        if not self._chosen:
            self._take_display(pane.display)
        if pane.image is not None and (pane.version != self._version or self._levels_changed(before)):
            self._version = pane.version
            self._draw_image(pane)
        if before is None or before.markers != pane.markers:
            self._marks.show_markers(pane.markers)
        self._annotations.show_pane(pane)
        self._sliders.show_pane(pane)
        self._pick.setVisible(any(isinstance(one, Labels) and one.pickable for one in pane.annotations))
        self._edit.setVisible(self._regions() is not None)
        self._scale_bar.set_pixel_size(pane.pixel_size_um)
        self._show_status(pane)
        self._show_pixel()

    @property
    def shown(self) -> Pane | None:
        """The pane that is shown; None before the first."""
        return self._shown

    def put_head(self, widget: QWidget) -> None:
        """Show a widget in place of the pane's name."""
        self._title.hide()
        self._heading.insertWidget(0, widget, 1)

    def paint_now(self) -> None:
        """Paint the image at once, and not at Qt's next turn."""
        self._canvas.viewport().repaint()

    def take_choice(self) -> Display | None:
        """Return what a person has chosen since the last call; None if nothing."""
        if not self._chosen:
            return None
        self._chosen = False
        return self.display

    def take_actions(self) -> tuple[Action, ...]:
        """Return what else a person has done since the last call."""
        actions, self._actions = tuple(self._actions), []
        return actions

    def _act(self, action: Action) -> None:
        self._actions.append(action)
        self.acted.emit()

    def _choose(self, **changes: Any) -> None:
        self.display = changed(self.display, **changes)
        self._chosen = True
        if self._shown is not None and self._shown.image is not None:
            self._draw_image(self._shown)

    # -- what it is made of ------------------------------------------------------------------------

    def _make_canvas(self) -> None:
        self._canvas = pg.GraphicsView(background=self._theme.canvas)
        self._box = ImageBox(self._drag_region)
        self._canvas.setCentralItem(self._box)
        self._item = pg.ImageItem(axisOrder="row-major")
        self._item.setPos(-0.5, -0.5)  # the centre of pixel (0, 0) is the origin
        self._box.addItem(self._item)
        self._annotations = AnnotationItems(self._box)
        self._marks = RegionMarks(self._theme)
        self._box.addItem(self._marks)
        self._scale_bar = ScaleBar(self._box)
        pen = pg.mkPen(self._theme.accent, width=1)
        self._cross = [pg.InfiniteLine(angle=angle, pen=pen) for angle in (90, 0)]
        for line in self._cross:
            line.hide()
            self._box.addItem(line)
        self._levels = LevelsBar(self._theme)
        self._levels.levels_chosen.connect(
            lambda low, high: self._choose(low=low, high=high, contrast="fixed")
        )
        scene = self._canvas.scene()
        scene.sigMouseMoved.connect(self._mouse_moved)
        scene.sigMouseClicked.connect(self._mouse_clicked)
        self._box.sigRangeChangedManually.connect(self._range_chosen)
        self._pointer: tuple[float, float] | None = None

    def _make_controls(self) -> None:
        self._auto = _button("Auto", "Follow each image's brightness", checkable=True)
        self._auto.setChecked(True)
        self._auto.toggled.connect(lambda on: self._choose(contrast="auto" if on else "fixed"))
        self._freeze = _button("Freeze", "Keep this image; the stream goes on", checkable=True)
        self._freeze.toggled.connect(lambda on: self._choose(frozen=on))
        self._fit = _button("Fit", "Show the whole image")
        self._fit.clicked.connect(self._show_all)
        self._edit = _button(
            "Edit beads", "Click adds a region, drag moves, right click removes", checkable=True
        )
        self._pick = _button("Pick cells", "Click picks a cell, or lets go of it", checkable=True)
        self._mark = _button(
            "Mark", "Click adds a point, drag moves it or draws a region, right click removes", checkable=True
        )
        self._tools = (self._edit, self._pick, self._mark)
        for tool in self._tools:
            tool.clicked.connect(lambda _on, tool=tool: self._leave_tools_but(tool))
        self._sliders = PlaneSliders()
        self._sliders.plane_chosen.connect(self._plane_chosen)
        self._maps = QComboBox()
        self._maps.addItems(list(get_args(Colormap)))
        self._maps.setToolTip("Colours")
        self._maps.setMaximumWidth(_MAPS_PX)
        self._maps.currentTextChanged.connect(lambda name: self._choose(colormap=name))
        self._gamma = QDoubleSpinBox()
        self._gamma.setLocale(QLocale.c())  # a point in every country
        self._gamma.setRange(0.1, 10.0)
        self._gamma.setSingleStep(0.1)
        self._gamma.setDecimals(1)
        self._gamma.setValue(1.0)
        self._gamma.setPrefix("\u03b3 ")
        self._gamma.setToolTip("Gamma: below 1 brightens what is dark")
        self._gamma.valueChanged.connect(lambda gamma: self._choose(gamma=round(gamma, 1)))
        self._save = _button("Save", "Save what is seen, or what was measured")
        self._save.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._save)
        menu.addAction("What is seen (PNG) ...", lambda: self._save_as("png"))
        menu.addAction("What was measured (TIFF) ...", lambda: self._save_as("tif"))
        self._save.setMenu(menu)

    def _lay_out(self) -> None:
        heading = self._heading = QHBoxLayout()
        heading.addWidget(self._title, 1)
        heading.addWidget(self._recording)
        top = QHBoxLayout()
        top.setSpacing(3)
        for widget in (
            *self._tools,
            self._freeze,
            self._auto,
            self._fit,
            self._maps,
            self._gamma,
            self._save,
        ):
            top.addWidget(widget)
        top.addStretch()
        middle = QHBoxLayout()
        middle.setSpacing(4)
        middle.addWidget(self._canvas, 1)
        middle.addWidget(self._levels)
        bottom = QHBoxLayout()
        bottom.addWidget(self._status)
        bottom.addStretch()
        bottom.addWidget(self._pixel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addLayout(heading)
        layout.addLayout(top)
        layout.addLayout(middle, 1)
        layout.addWidget(self._sliders)
        layout.addLayout(bottom)

    # -- drawing -----------------------------------------------------------------------------------

    def _draw_image(self, pane: Pane) -> None:
        assert pane.image is not None
        image, display = pane.image, self.display
        first = self._item.image is None
        resized = not first and self._item.image.shape[:2] != image.shape[:2]
        if image.ndim == 3:
            self._item.setImage(image, levels=(0, 255))
        else:
            low, high = levels(display, image)
            self._item.setImage(image, levels=(low, high), autoLevels=False)
            self._item.setLookupTable(lookup_table(display.colormap, display.gamma))
            self._levels.show_image(image, low, high)
        if first or resized or display.center is None:
            self._fit_view(image.shape)
        self._place_cross()

    def _levels_changed(self, before: Pane | None) -> bool:
        return before is None or before.display != self.display

    def _take_display(self, display: Display) -> None:
        """Show controls as a display has them, without taking that for a choice."""
        if display == self.display:
            return
        self.display = display
        for control, on in ((self._auto, display.contrast == "auto"), (self._freeze, display.frozen)):
            control.blockSignals(True)
            control.setChecked(on)
            control.blockSignals(False)
        for chooser in (self._maps, self._gamma):
            chooser.blockSignals(True)
        self._maps.setCurrentText(display.colormap)
        self._gamma.setValue(display.gamma)
        for chooser in (self._maps, self._gamma):
            chooser.blockSignals(False)
        if display.center is not None:
            self._zoom_to(display.center, display.zoom)

    def _fit_view(self, shape: tuple[int, ...]) -> None:
        self._box.setRange(xRange=(-0.5, shape[1] - 0.5), yRange=(-0.5, shape[0] - 0.5), padding=0.01)

    def _zoom_to(self, center: tuple[float, float], zoom: float) -> None:
        width, height = self._box.width() / zoom, self._box.height() / zoom
        x, y = center
        self._box.setRange(
            xRange=(x - width / 2, x + width / 2), yRange=(y - height / 2, y + height / 2), padding=0
        )

    def _place_cross(self) -> None:
        for line, place in zip(self._cross, self.display.crosshair or (0, 0), strict=True):
            line.setVisible(self.display.crosshair is not None)
            line.setPos(place)

    def _show_status(self, pane: Pane) -> None:
        self._status.setText(caption_of(pane))
        self._recording.setText("● REC" if pane.status.recording else "")
        self._recording.setToolTip(pane.status.recording)

    def _show_pixel(self) -> None:
        image = None if self._shown is None else self._shown.image
        place = self.display.crosshair or self._pointer
        if image is None or place is None:
            self._pixel.setText("")
            return
        x, y = (round(value) for value in place)
        inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
        self._pixel.setText(f"x {x}  y {y}   {image[y, x]}" if inside else f"x {x}  y {y}")

    # -- what a person does ------------------------------------------------------------------------

    def _show_all(self) -> None:
        self._choose(center=None)
        if self._shown is not None and self._shown.image is not None:
            self._fit_view(self._shown.image.shape)

    def _range_chosen(self, *_: object) -> None:
        (left, right), (top, bottom) = self._box.viewRange()
        zoom = float(np.clip(self._box.width() / max(right - left, 1e-9), 1e-3, 1e3))
        self._choose(center=((left + right) / 2, (top + bottom) / 2), zoom=zoom)

    def _mouse_moved(self, position: QPointF) -> None:
        point = self._box.mapSceneToView(position)
        self._pointer = (point.x(), point.y())
        self._show_pixel()

    def _mouse_clicked(self, event: Any) -> None:
        point = self._box.mapSceneToView(event.scenePos())
        x, y, right = point.x(), point.y(), event.button() == Qt.MouseButton.RightButton
        if self._edit.isChecked():
            self._edit_at(x, y, right)
        elif self._pick.isChecked():
            self._act(Clicked(self._name, x, y))
        elif self._mark.isChecked():
            self._mark_at((y, x), right)
        elif right:
            self._choose(crosshair=None)
        elif not self._take_click(x, y):
            self._choose(crosshair=(round(x), round(y)))

    def _drag_region(self, begin: QPointF, now: QPointF, finished: bool) -> bool:
        """Move the region in which a drag began, once it has ended; False if the drag is not for a region."""
        if self._mark.isChecked() and self._shown is not None:
            if finished:
                places = (begin.y(), begin.x()), (now.y(), now.x())
                self._act(Drawn(self._name, marking.dragged(self._shown.annotations, *places)))
            return True
        regions = self._regions()
        if not self._edit.isChecked() or regions is None:
            return False
        bead = regions.at(begin.x(), begin.y())
        if bead is None:
            return False
        if finished:
            x, y = regions.centers[bead]
            regions.move(bead, x + now.x() - begin.x(), y + now.y() - begin.y())
        return True

    def _save_as(self, ending: str) -> None:
        """Ask where to, and write; what goes wrong is told in the status line."""
        pane = self._shown
        if pane is None or pane.image is None:
            return
        name = "".join(letter if letter.isalnum() else "-" for letter in pane.name)
        chosen, _ = QFileDialog.getSaveFileName(self, "Save", f"{name}.{ending}", f"*.{ending}")
        if not chosen:
            return
        try:
            if ending == "png":
                save_picture(colour(pane.image, self.display), Path(chosen))
            else:
                write_image(pane.image, pane.pixel_size_um, Path(chosen))
        except OSError as error:
            self._status.setText(f"not saved: {error}")

    def _leave_tools_but(self, one: QToolButton) -> None:
        """Switch the other tools off: a click means one thing."""
        for tool in self._tools:
            tool.setChecked(tool is one and tool.isChecked())

    def _plane_chosen(self, changes: dict[str, str]) -> None:
        if self._shown is not None:
            self._act(Selected(self._name, {**self._shown.index, **changes} if changes else {}))

    def _mark_at(self, at: tuple[float, float], remove: bool) -> None:
        annotations = () if self._shown is None else self._shown.annotations
        drawn = marking.erased(annotations, at) if remove else marking.with_mark(annotations, at)
        if drawn is not None:
            self._act(Drawn(self._name, drawn))

    def _edit_at(self, x: float, y: float, remove: bool) -> None:
        """Ask the service that owns the regions; what it makes of it is drawn when it says so."""
        regions = self._regions()
        if regions is None:
            return
        bead = regions.at(x, y)
        if remove and bead is not None:
            regions.remove(bead)
        elif not remove and bead is None:
            regions.add(x, y)


def _button(text: str, tip: str, *, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setAutoRaise(True)
    return button
