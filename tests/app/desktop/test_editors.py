"""Editors of single values: numbers have a point in every country, and nothing is changed by accident."""

from __future__ import annotations

import pytest

from parfocal.app.desktop.fields import FormField


@pytest.fixture
def german(application):
    """A country that writes one and a half with a comma."""
    from PySide6.QtCore import QLocale

    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German))
    yield
    QLocale.setDefault(before)


@pytest.fixture
def edit(german):
    """Return what makes an editor of a field, and the list of values that a person has chosen."""
    from parfocal.app.desktop.editors import FieldEditor

    def made(*arguments, **options):
        editor, told = FieldEditor(FormField(*arguments, **options)), []
        editor.edited.connect(told.append)
        return editor, told

    return made


def write(editor, text):
    """Write as a person does, key by key, and press Enter."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    editor.input.setFocus()
    editor.input.clear()
    QTest.keyClicks(editor.input, text)
    QTest.keyClick(editor.input, Qt.Key.Key_Return)


def test_a_number_is_read_and_written_with_a_point(edit):
    editor, told = edit("exposure_ms", "number", default=1.5)
    assert editor.input.text() == "1.5"
    write(editor, "2.25")
    assert told == [2.25]
    editor.show_value(1e-7)
    assert (editor.input.text(), editor.value) == ("1e-07", 1e-7)


@pytest.mark.parametrize("text", ["1,5", "1 000", "1_000", "ten", "nan", "1e400"])
def test_what_is_no_number_is_not_taken_for_another(edit, text):
    editor, told = edit("voltage_v", "number", default=0.25)
    write(editor, text)
    assert told == []
    assert editor.input.is_wrong
    editor.show_value(0.5)
    assert not editor.input.is_wrong


def test_whole_numbers_stay_so_and_an_empty_field_is_none(edit):
    editor, told = edit("count", "integer", optional=True)
    write(editor, "12")
    write(editor, "")
    assert told == [12, None]
    assert isinstance(told[0], int)


def test_a_whole_number_that_no_service_can_be_told_is_not_taken(edit):
    editor, told = edit("count", "integer", default=3)
    write(editor, "1e30")
    assert told == []
    assert editor.input.is_wrong


def test_up_and_down_step_the_second_digit(edit):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    editor, _ = edit("power", "number", default=0.5)
    QTest.keyClick(editor.input, Qt.Key.Key_Up)
    assert editor.value == pytest.approx(0.51)
    QTest.keyClick(editor.input, Qt.Key.Key_Down)
    assert editor.value == pytest.approx(0.5)


def test_choices_truths_texts_and_json(edit):
    choice, told = edit("policy", "choice", choices=("block", "drop"), default="drop")
    assert choice.value == "drop"
    choice.input.setCurrentIndex(0)
    choice.input.activated.emit(0)
    truth, ticked = edit("on", "truth", default=False)
    truth.input.click()
    plain, written = edit("targets", "plain")
    write(plain, '{"x": 1.5}')
    text, said = edit("name", "text", default="")
    write(text, "4711")
    assert (told, ticked, written, said) == (["block"], [True], [{"x": 1.5}], ["4711"])


def test_a_value_from_elsewhere_is_shown_and_not_told(edit):
    editor, told = edit("exposure_ms", "number", default=1.0)
    editor.show_value(3.0)
    assert (editor.value, told) == (3.0, [])


def test_a_command_is_not_asked_for_with_what_is_no_number(german):
    from parfocal.app.desktop.command_form import CommandForm
    from parfocal.app.desktop.request import Request
    from parfocal.ipc import CommandTable, command

    class Lamp:
        @command(effect="changes")
        def flash(self, pulse_ms: float, pause_ms: float | None = None, count: int = 1) -> None: ...

    asked = []

    def ask(name, arguments):
        asked.append((name, arguments))
        return Request("lamp", name, arguments)

    form = CommandForm(CommandTable.of(Lamp).describe()[0], {}, ask)
    write(form.editors["pulse_ms"], "2.5")
    write(form.editors["pause_ms"], "1,5")
    form.button.click()
    assert asked == []
    write(form.editors["pause_ms"], "1.5")
    form.button.click()
    assert asked == [("flash", {"pulse_ms": 2.5, "pause_ms": 1.5})]


def test_what_did_not_stop_is_told_and_what_has_nothing_to_stop_is_not():
    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.stop_bar import is_failure
    from parfocal.core.errors import CommandFailedError, ServiceUnavailableError

    def failed(error):
        request = Request("lamp", "off", {})
        request.fail(error)
        return request

    where = {"service": "lamp", "command": "off"}
    refused = CommandFailedError(
        "lamp.off raised BadInputError: no shutter", **where, remote_type="BadInputError"
    )
    broken = CommandFailedError("lamp.off raised DeviceError: no link", **where, remote_type="DeviceError")
    assert [is_failure(failed(each)) for each in (refused, broken, ServiceUnavailableError("gone"))] == [
        False,
        True,
        True,
    ]
    assert not is_failure(Request("lamp", "off", {}))


def test_an_axis_is_not_moved_by_what_is_no_number_and_stands_at_plain_zero(german):
    from parfocal.app.desktop.axis_row import AxisRow
    from parfocal.core.protocols import Axis

    moved = []
    axis = AxisRow(Axis(name="x", unit="um", low=-10.0, high=10.0, speed=1.0), lambda *ask: moved.append(ask))
    axis.target.setText("1,30")
    axis.go.click()
    assert (moved, axis.target.objectName()) == ([], "wrong")
    axis.target.setText("1.3")
    axis.go.click()
    assert moved == [(1.3, False)]
    assert axis.target.objectName() == ""
    axis.show_position(-1e-9)
    assert axis.position.text() == "0 µm"
