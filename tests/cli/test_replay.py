"""What `parfocal replay` prints of what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

import parfocal.rig.replay
from parfocal.cli.app import run
from parfocal.rig.replay import ReplayReport


@pytest.mark.parametrize(
    ("stimuli", "differences", "said"),
    [
        (1, (), "1 decision compared, 0 differ; 0 late, then as now; 1 left out"),
        (2, ("t=0",), "2 decisions compared, 1 differs; 0 late"),
    ],
)
def test_the_first_line_is_right_of_one_and_of_several(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    stimuli: int,
    differences: tuple[str, ...],
    said: str,
) -> None:
    found = ReplayReport(folder="", stimuli=stimuli, late=0, left_out=1, differences=differences)
    monkeypatch.setattr(parfocal.rig.replay, "replay", lambda *_, **__: found)
    assert run(["replay", str(tmp_path)]) == len(differences)
    assert " ".join(capsys.readouterr().out.split()).startswith(said)
