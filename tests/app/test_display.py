"""What every program with a window refuses before anything is opened, each in the same words."""

import pytest

from parfocal.app.window_program import write_picture
from parfocal.cli.app import run
from parfocal.core.errors import ParfocalError

PROGRAMS = (["browse", "."], ["app"], ["runs", "--window"])


def refused(arguments, monkeypatch, tmp_path, capsys):
    """Return the exit code of a command on a machine without a display, and what it says."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    return run(arguments), capsys.readouterr().err


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 1, "no display for a window (DISPLAY is not set); --screenshot FILE needs none"),
        (["--screenshot", "no/where.png"], 2, "for --screenshot no/where.png"),
        (["--screenshot", "window.pdf"], 2, "--screenshot window.pdf is no name of a picture"),
        (["--seconds", "-1"], 2, "seconds must be 0 to 86400, not -1"),
        (["--seconds", "inf"], 2, "seconds must be 0 to 86400, not inf"),
    ],
)
def test_it_says_what_is_wrong(program, options, code, said, monkeypatch, tmp_path, capsys):
    found, told = refused([*program, *options], monkeypatch, tmp_path, capsys)
    assert found == code
    assert said in " ".join(told.split())


def test_a_folder_that_is_not_there_cannot_be_browsed(monkeypatch, tmp_path, capsys):
    found, told = refused(["browse", "nowhere"], monkeypatch, tmp_path, capsys)
    assert found == 2
    assert "there is no folder nowhere" in told


def test_a_picture_that_the_disk_does_not_take_is_an_error(application, tmp_path):
    from PySide6.QtWidgets import QWidget

    window = QWidget()
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(ParfocalError, match=r"can't be written to .*taken\.png"):
        write_picture(window, tmp_path / "taken.png")


@pytest.mark.parametrize("demo", ["optogenetics", "tweezers"])
def test_a_demo_says_how_it_goes_without_a_window_before_it_begins(demo, monkeypatch, tmp_path, capsys):
    found = refused(["demo", demo, "--view", "--out", str(tmp_path)], monkeypatch, tmp_path, capsys)
    said = "parfocal: there is no display for a window (DISPLAY is not set); leave out --view"
    assert (found[0], " ".join(found[1].split())) == (1, said)
    assert capsys.readouterr().out == ""
