"""The live window by itself, in this process: what a person does, and what is drawn."""

import numpy as np
import pytest

from parfocal.viewers.actions import Clicked, Selected
from parfocal.viewers.annotations import Labels, Points, Shapes, Tracks
from parfocal.viewers.display import Display
from parfocal.viewers.feed import FeedStatus
from parfocal.viewers.panes import Curve, Marker, Pane, Plot
from parfocal.viewers.stack import Stack

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Wishes:
    """Stands for the regions of a service: notes what is asked for."""

    def __init__(self):
        self.centers = {3: (30.0, 20.0)}
        self.size_px = 16.0
        self.asked = []

    def at(self, x, y):
        inside = abs(x - 30) <= 8 and abs(y - 20) <= 8
        return 3 if inside else None

    def add(self, x, y):
        self.asked.append(("add", round(x), round(y)))

    def move(self, bead, x, y):
        self.asked.append(("move", bead, round(x), round(y)))

    def remove(self, bead):
        self.asked.append(("remove", bead))


@pytest.fixture
def wishes():
    return Wishes()


@pytest.fixture(params=["dark", "light", "red"])
def window(request, wishes):
    from PySide6.QtWidgets import QApplication

    from parfocal.viewers.live.window import LiveWindow

    application = QApplication.instance() or QApplication([])
    closed = []
    made = LiveWindow("test", request.param, lambda: closed.append(True), lambda: wishes)
    made.was_closed = closed
    yield made
    made.close()
    made.deleteLater()
    application.processEvents()


def pane(image=None, **fields):
    picture = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80) if image is None else image
    return Pane("camera", image=picture, version=fields.pop("version", 1), live=True, **fields)


def test_numbers_at_the_end_of_their_type_are_painted(window):
    image = np.full((60, 80), -1.7e308)
    image[:, 40:] = 1.7e308
    window.paint([pane(image)], ())
    pixels = window.grab().astype(int)
    assert (pixels.min(axis=2) > 235).sum() > 1000
    window.paint([pane(image, version=2, display=Display(contrast="fixed", low=1.6e308, high=1.7e308))], ())
    assert window.grab().shape == pixels.shape


def test_what_is_painted_is_the_image(window):
    flat = np.full((60, 80), 100, np.uint8)
    window.paint([pane(flat, display=Display(contrast="fixed", low=0, high=200))], ())
    pixels = window.grab()
    assert (np.abs(pixels.astype(int) - 128).max(axis=2) <= 2).sum() > 60 * 80


def test_there_are_no_levels_to_drag_before_the_first_image(window):
    window.paint([Pane("camera")], ())
    levels = window._panes["camera"]._levels
    assert not levels._region.isVisible()
    window.paint([pane(np.full((60, 80), 100, np.uint8))], ())
    assert levels._region.isVisible()


def test_choices_are_told_once_and_kept(window):
    window.paint([pane()], ())
    shown = window._panes["camera"]
    shown._maps.setCurrentText("magma")
    shown._gamma.setValue(0.5)
    shown._freeze.setChecked(True)
    told = window.displays()["camera"]
    assert (told.colormap, told.gamma, told.frozen) == ("magma", 0.5, True)
    assert window.displays() == {}
    window.paint([pane(version=2, display=told)], ())
    assert shown.display.colormap == "magma"


def test_a_display_that_a_command_set_is_shown_and_is_no_choice(window):
    window.paint([pane()], ())
    window.paint([pane(display=Display(colormap="turbo", frozen=True, contrast="fixed"))], ())
    shown = window._panes["camera"]
    assert shown._maps.currentText() == "turbo"
    assert shown._freeze.isChecked()
    assert not shown._auto.isChecked()
    assert window.displays() == {}


def test_zoom_stays_when_images_come(window):
    window.paint([pane()], ())
    shown = window._panes["camera"]
    shown._box.setRange(xRange=(10, 30), yRange=(10, 25), padding=0)
    shown._range_chosen()
    before = shown._box.viewRange()
    window.paint([pane(version=2, display=window.displays()["camera"])], ())
    np.testing.assert_allclose(shown._box.viewRange(), before)


def test_regions_are_changed_by_the_service_that_owns_them(window, wishes):
    window.paint([pane(markers=(Marker(3, 30, 20, 16, "good"),))], ())
    shown = window._panes["camera"]
    shown._edit_at(5, 5, remove=False)
    shown._edit_at(31, 21, remove=False)
    shown._edit_at(31, 21, remove=True)
    from PySide6.QtCore import QPointF

    assert not shown._drag_region(QPointF(30, 20), QPointF(40, 26), True)
    shown._edit.setChecked(True)
    assert shown._drag_region(QPointF(30, 20), QPointF(40, 26), False)
    assert shown._drag_region(QPointF(30, 20), QPointF(40, 26), True)
    assert wishes.asked == [("add", 5, 5), ("remove", 3), ("move", 3, 40, 26)]


def test_it_tells_age_skips_recording_and_a_stream_that_is_away(window):
    status = FeedStatus(live=True, age_s=0.012, fps=99.96, skipped=7, recording="recorder (recording)")
    window.paint([pane(status=status)], ())
    shown = window._panes["camera"]
    assert shown._status.text() == "100.0 fps   age 12 ms   7 skipped"
    assert "REC" in shown._recording.text()
    window.paint([pane(version=2, status=FeedStatus(live=False))], ())
    assert "away" in shown._status.text()
    assert shown._recording.text() == ""


def test_the_pixel_below_the_crosshair_is_told(window):
    window.paint([pane(display=Display(crosshair=(4.0, 2.0)))], ())
    assert window._panes["camera"]._pixel.text() == f"x 4  y 2   {2 * 80 + 4}"


def test_a_hundred_curves_cost_what_their_points_cost(window):
    x = np.linspace(-20, 0, 1000)
    curves = tuple(Curve(f"bead {bead}", x, np.sin(x + bead)) for bead in range(100))
    window.paint([pane()], [Plot("z", "nm", curves)])
    assert len(window._plot_pane._curves) == 100
    window.paint([pane()], [Plot("z", "nm", curves[:3])])
    assert len(window._plot_pane._curves) == 3


def axis_texts(window, title):
    plot = window._plot_pane._plots[title].getPlotItem()
    return plot.getAxis("left").labelText, plot.getAxis("bottom").labelText


def test_a_plot_tells_the_unit_that_it_has_now(window):
    curves = (Curve("bead 0", np.linspace(-1, 0, 10), np.zeros(10)),)
    window.paint([pane()], [Plot("x", "px", curves), Plot("z", "nm", curves)])
    assert axis_texts(window, "x")[0] == "x (px)"
    window.paint([pane()], [Plot("x", "nm", curves), Plot("z", "nm", curves)])
    assert axis_texts(window, "x")[0] == "x (nm)"


def test_the_last_plot_tells_the_time_also_when_the_one_below_it_has_gone(window):
    curves = (Curve("bead 0", np.linspace(-1, 0, 10), np.zeros(10)),)
    window.paint([pane()], [Plot("x", "nm", curves), Plot("z", "nm", curves)])
    assert [axis_texts(window, title)[1] for title in "xz"] == ["", "seconds before now"]
    window.paint([pane()], [Plot("x", "nm", curves)])
    assert axis_texts(window, "x")[1] == "seconds before now"


def stacked(t=2, annotations=(), **fields):
    stack = Stack()
    for at in range(3):
        stack.put({"well": "A", "t": str(at)}, np.full((60, 80), at, np.uint8))
    index = {"well": "A", "t": str(t)}
    return pane(stack.plane(index), stack=stack, index=index, annotations=annotations, **fields)


def test_each_dimension_has_a_slider_and_moving_it_is_told(window):
    window.paint([stacked()], ())
    sliders = window._panes["camera"]._sliders
    assert list(sliders._sliders) == ["t"]  # one well is no choice
    assert sliders._values["t"].text() == "2   3 / 3"
    assert window.new_actions() == ()
    sliders._sliders["t"].setValue(1)
    assert window.new_actions() == (Selected("camera", {"well": "A", "t": "1"}),)
    window.paint([stacked(1, version=2)], ())
    assert sliders._values["t"].text() == "1   2 / 3"
    assert window.new_actions() == ()
    window.paint([pane()], ())
    assert sliders.isHidden()


def test_annotations_are_drawn_and_go(window):
    display = Display(contrast="fixed", low=0, high=200)
    areas = np.zeros((60, 80), np.int32)
    areas[10:30, 10:30] = 4
    over = (
        Labels("cells", areas, style="fill", colour="#00ff00"),
        Points("spots", [(40, 40)], colour="#ff0000"),
        Shapes("edges", ([(5, 50), (5, 70), (20, 70)],), colour="#0000ff"),
        Tracks("tracks", [(1, 0, 40, 10), (1, 2, 55, 70)]),
    )
    window.paint([stacked(display=display)], ())
    plain = window.grab().astype(int)
    window.paint([stacked(display=display, version=2, annotations=over)], ())
    drawn = window.grab().astype(int) - plain
    red, green, blue = (drawn[..., channel] > 60 for channel in range(3))
    assert green.sum() > 400
    assert (red & ~green).any()
    assert (blue & ~green).any()
    window.paint([stacked(display=display, version=3)], ())
    assert (np.abs(window.grab().astype(int) - plain).max(axis=2) > 60).sum() < 400  # the tool to pick goes


class Click:
    """A click of the mouse at a point of the image."""

    def __init__(self, pane, x, y, button="LeftButton"):
        from PySide6.QtCore import QPointF, Qt

        self._at = pane._box.mapViewToScene(QPointF(x, y))
        self._button = getattr(Qt.MouseButton, button)

    def scenePos(self):
        return self._at

    def button(self):
        return self._button


def test_cells_are_picked_and_marks_are_set_by_the_tool_that_is_on(window):
    from PySide6.QtCore import QPointF

    areas = np.zeros((60, 80), np.int32)
    areas[10:30, 10:30] = 4
    over = (Labels("cells", areas), Points("marks", [(50, 60)]))
    window.paint([stacked(annotations=over, picked=(4,))], ())
    shown = window._panes["camera"]
    assert not shown._pick.isHidden()
    shown._pick.click()
    shown._mouse_clicked(Click(shown, 20, 12))
    (clicked,) = window.new_actions()
    assert isinstance(clicked, Clicked)
    assert (round(clicked.x_px), round(clicked.y_px)) == (20, 12)
    shown._mark.click()
    assert not shown._pick.isChecked()
    shown._mouse_clicked(Click(shown, 30, 40))
    assert shown._drag_region(QPointF(60, 50), QPointF(62, 55), True)
    shown._mouse_clicked(Click(shown, 60, 50, "RightButton"))
    added, moved, left = (action.annotation.points.round().tolist() for action in window.new_actions())
    assert (added, moved, left) == ([[50, 60], [40, 30]], [[55, 62]], [])
    shown._mark.click()
    shown._mouse_clicked(Click(shown, 30, 40))
    assert window.new_actions() == ()
    assert window.displays()["camera"].crosshair == (30, 40)


def test_closing_the_window_is_told_once(window):
    from PySide6.QtWidgets import QWidget

    QWidget.close(window)
    QWidget.close(window)
    assert window.was_closed == [True]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_panes_lie_side_by_side(window, count):
    panes = [Pane(f"s{number}", np.zeros((8, 8), np.uint8), 1) for number in range(count)]
    window.paint(panes, ())
    assert len(window._panes) == count
    assert window._empty.isVisible() == (count == 0)
