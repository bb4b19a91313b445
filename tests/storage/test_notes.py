from pathlib import Path

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.storage import annotate_run, list_runs, read_manifest
from parfocal.storage.manifest import Manifest, Writer, write_manifest
from parfocal.storage.moment import Moment


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


def test_what_is_no_run_or_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds no run"):
        annotate_run(tmp_path, notes="x")
    run = run_in(tmp_path / "a")
    with pytest.raises(BadInputError, match="characters long"):
        annotate_run(run, notes="x" * 100_001)
    assert read_manifest(run).edits == ()
