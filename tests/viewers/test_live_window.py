"""The live window by itself, in this process: what a person does, and what is drawn."""

import numpy as np
import pytest

from parfocal.viewers.display import Display
from parfocal.viewers.feed import FeedStatus
from parfocal.viewers.panes import Curve, Marker, Pane, Plot

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


def test_what_is_painted_is_the_image(window):
    flat = np.full((60, 80), 100, np.uint8)
    window.paint([pane(flat, display=Display(contrast="fixed", low=0, high=200))], ())
    pixels = window.grab()
    assert (np.abs(pixels.astype(int) - 128).max(axis=2) <= 2).sum() > 60 * 80


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
