"""The run status widget with a source of our own: what a person sees, and what the buttons ask for."""

from __future__ import annotations

import msgspec
import pytest
from app_sources import NAME, FixedSource, shown
from example_views import OUTLINE, SILENT, STATES

from parfocal.app.run_window.requests import SteeringRequest
from parfocal.app.run_window.run_view import run_view


class Handle:
    """Notes what it is asked for."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, word):
        return lambda *arguments, **named: self.asked.append((word, *arguments, *named.values()))


@pytest.fixture
def made(application):
    from parfocal.app.run_window.run_widget import RunWidget
    from parfocal.viewers.qt.theme import THEMES

    widget = RunWidget(FixedSource(shown(None)), THEMES["dark"])
    widget.resize(1000, 760)
    widget.show()
    yield widget
    widget.close()
    assert widget._source.closed
    widget.deleteLater()
    application.processEvents()


def show(widget, state, **changes):
    view = run_view(STATES[state], OUTLINE, SILENT if state == "silent" else "")
    widget._source.now = shown(view, **changes)
    widget.look()


def asked_by(widget):
    """Return what the buttons have asked a handle for."""
    handle = Handle()
    for run, _, act in widget._source.asked:
        assert run == NAME
        act(handle)
    return handle.asked


def test_nothing_to_show(made):
    assert made.idle.isVisible()
    assert "No rig is running" in made.idle.text()
    assert not made.steering.stop.isEnabled()


def test_a_run_as_it_goes_on(made):
    show(made, "acquiring")
    assert made.chip.text() == "RUNNING"
    assert made.facts.texts()["event"] == "96/202"
    assert made.counts.texts()["frames"] == "91 + 6 of stimuli received, 90 stored"
    assert made.commands.isVisible()
    assert not made.errors.isVisible()
    show(made, "incomplete")
    assert made.chip.text() == "INCOMPLETE: LOST 2"
    assert made.errors.isVisible()
    assert not made.steering.stop.isEnabled()


def test_the_strip_is_painted_past_and_future(made, application):
    show(made, "acquiring")
    application.processEvents()
    image = made.strip.grab().toImage()
    row = image.height() // 2 + 5
    past, future = image.pixelColor(5, row), image.pixelColor(image.width() - 5, row)
    assert past.green() > future.green() + 40


def test_pause_resume_start_and_drop(made):
    show(made, "acquiring")
    made.steering.pause.click()
    show(made, "paused")
    assert made.steering.resume.isVisible()
    assert not made.steering.pause.isVisible()
    made.steering.resume.menu().actions()[1].trigger()
    show(made, "prepared")
    made.steering.start.click()
    made.steering.drop.click()
    assert asked_by(made) == [
        ("pause", "from the window"),
        ("resume", "catch up"),
        ("start",),
        ("cancel", "from the window"),
    ]


def test_stop_asks_how_and_a_second_thought_leaves_the_run_alone(made):
    show(made, "acquiring")
    made.steering.stop.click()
    assert made.steering.how_to_stop.isVisible()
    made.steering.how_to_stop.buttons["Let it go on"].click()
    assert not made.steering.how_to_stop.isVisible()
    assert asked_by(made) == []
    made.steering.stop.click()
    show(made, "waiting")
    assert made.steering.how_to_stop.isVisible()
    made.steering.how_to_stop.buttons["Finish the event in hand"].click()
    made.steering.stop.click()
    made.steering.how_to_stop.buttons["Stop at once"].click()
    assert asked_by(made) == [("finish", "from the window"), ("cancel", "from the window")]


def test_how_to_stop_one_run_is_not_asked_of_the_next(made):
    show(made, "acquiring")
    made.steering.stop.click()
    view = run_view(msgspec.structs.replace(STATES["acquiring"], run="the next"), OUTLINE, "")
    made._source.now = shown(view)
    made.look()
    assert made.steering.stop.isEnabled()
    assert not made.steering.how_to_stop.isVisible()


def test_a_question_is_answered_with_what_was_written(made):
    show(made, "question")
    assert made.steering.question.isVisible()
    made.steering.question._note.setText(" 20 ul ")
    made.steering.question.buttons["Yes, go on"].click()
    made.steering.question.buttons["No, stop the run"].click()
    question = ("Is the drug in?", 81)
    assert asked_by(made) == [("confirm", True, "20 ul", *question), ("confirm", False, "", *question)]
    show(made, "acquiring")
    assert not made.steering.question.isVisible()


def test_an_answer_names_the_question_that_was_there_when_its_button_was_pressed(made):
    """A click takes a while: meanwhile the next question, of this run or the next one, takes the place."""
    show(made, "question")
    button = made.steering.question.buttons["Yes, go on"]
    button.pressed.emit()
    for change in ({"question": "Is the dish in?"}, {"event_number": 99}, {"run": "the next"}):
        made._source.now = shown(run_view(msgspec.structs.replace(STATES["question"], **change), OUTLINE, ""))
        made.look()
    made.steering.question._note.setText("20 ul")
    button.clicked.emit()
    assert asked_by(made) == [("confirm", True, "20 ul", "Is the drug in?", 81)]


def test_a_refused_request_and_a_silent_rig_are_told(made):
    show(made, "silent", request=SteeringRequest("pause", "refused", "nobody answers"))
    assert made.note.text() == "pause was refused: nobody answers"
    assert SILENT in made.silent.text()
    assert made.steering.stop.isEnabled()
    show(made, "acquiring")
    assert not made.silent.isVisible()
    assert made.note.text().startswith("record in ")


def test_a_person_chooses_a_run_and_new_ones_again(made):
    show(made, "acquiring")
    assert made.chooser.list.count() == 2
    made.chooser.list.activated.emit(1)
    made.chooser.follows.click()
    made.chooser.follows.click()
    assert made._source.chosen == [("microscope", "run1"), NAME, None]


def test_it_fits_a_narrow_dock_and_takes_other_colours(made, application):
    from parfocal.viewers.qt.theme import THEMES

    show(made, "incomplete")
    made.resize(330, 700)
    application.processEvents()
    assert made.width() == 330
    made.set_theme(THEMES["light"])
    assert made.grab().width() == 330
