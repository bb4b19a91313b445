"""What the browser refuses before anything is opened."""

import pytest

from parfocal.cli.app import run


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "there is no folder nowhere"),
        (["."], 1, "no display for a window (DISPLAY is not set); --screenshot FILE needs none"),
        ([".", "--screenshot", "no/where.png"], 2, "for --screenshot no/where.png"),
        ([".", "--seconds", "-1"], 2, "seconds must not be negative, not -1"),
    ],
)
def test_it_says_what_is_wrong(arguments, code, said, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert run(["browse", *arguments]) == code
    assert said in capsys.readouterr().err
