from pathlib import Path

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunCommand
from parfocal.storage import annotate_run, list_runs, read_manifest
from parfocal.storage.manifest import Manifest, Writer, write_manifest
from parfocal.storage.moment import Moment
from parfocal.storage.notes import with_commands


def run_in(folder: Path) -> Path:
    folder.mkdir()
    now = Moment.now(SYSTEM_CLOCK)
    write_manifest(
        folder, Manifest(run=folder.name, started=now, ended=now, recorder=Writer.this(), outcome="complete")
    )
    return folder


def test_each_change_is_kept_with_its_time(tmp_path: Path) -> None:
    run = run_in(tmp_path / "a")
    annotate_run(str(run), operator="Ada", notes="looks fine")
    annotate_run(run, notes="drifts after 5 s")
    annotate_run(run, notes="drifts after 5 s")
    manifest = read_manifest(str(run))
    assert (manifest.operator, manifest.sample, manifest.notes) == ("Ada", "", "drifts after 5 s")
    assert [(edit.field, edit.value) for edit in manifest.edits] == [
        ("operator", "Ada"),
        ("notes", "looks fine"),
        ("notes", "drifts after 5 s"),
    ]
    assert all(edit.at.utc.endswith("Z") for edit in manifest.edits)
    (summary,) = list_runs(str(tmp_path))
    assert (summary.operator, summary.notes) == ("Ada", "drifts after 5 s")


def test_what_was_asked_of_a_run_is_kept_once(tmp_path: Path) -> None:
    run = run_in(tmp_path / "a")
    asked = [RunCommand(command="pause", at=1.5, by="Ada", details={"reason": "a bubble"})]
    asked.append(RunCommand(command="confirm", at=2.5, event=3, details={"answer": True, "text": "clean"}))
    write_manifest(run, with_commands(with_commands(read_manifest(run), asked[:1]), asked))
    assert read_manifest(run).commands == tuple(asked)


def test_what_is_no_run_or_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds no run"):
        annotate_run(tmp_path, notes="x")
    run = run_in(tmp_path / "a")
    with pytest.raises(BadInputError, match="characters long"):
        annotate_run(run, notes="x" * 100_001)
    assert read_manifest(run).edits == ()
