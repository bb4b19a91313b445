import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, FolderVanishedError
from parfocal.core.frames import FrameSpec
from parfocal.processes.identity import start_mark
from parfocal.processes.versions import loaded_versions
from parfocal.storage.catalogue import list_runs
from parfocal.storage.folder import RunFolder
from parfocal.storage.manifest import (
    FILE_NAME,
    Manifest,
    StreamRecord,
    Writer,
    read_manifest,
    write_manifest,
)
from parfocal.storage.moment import Moment
from parfocal.storage.recorded_run import open_run

STREAM = StreamRecord(
    kind="frames",
    path="frames.ome.zarr",
    policy="drop",
    spec=FrameSpec(shape=(4, 4), dtype="uint8"),
    first_sequence=3,
    expected=10,
    stored=8,
    lost=2,
)


def manifest(**changes: object) -> Manifest:
    plain = Manifest(
        run="2026-01-01",
        started=Moment.now(SYSTEM_CLOCK),
        recorder=Writer.this(),
        plan={"seconds": 10},
        versions=loaded_versions(),
        streams={"camera": STREAM},
    )
    return msgspec.structs.replace(plain, **changes)


def closed(name: str, outcome: str) -> Manifest:
    record = manifest(run=name, outcome=outcome)
    return msgspec.structs.replace(record, ended=Moment.now(SYSTEM_CLOCK))


def dead() -> Writer:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    writer = msgspec.structs.replace(Writer.this(), pid=process.pid, mark=start_mark(process.pid))
    assert writer.alive
    process.communicate()
    return writer


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = manifest()
    write_manifest(tmp_path, record)
    assert read_manifest(tmp_path) == record
    plain = json.loads((tmp_path / FILE_NAME).read_text())
    assert plain["outcome"] == "recording"
    assert plain["started"]["utc"].endswith("Z")
    assert {"python", "system", "parfocal", "numpy"} <= set(plain["versions"])
    assert os.listdir(tmp_path) == [FILE_NAME]


def test_values_that_json_has_no_words_for_are_kept_as_well_as_they_can_be(tmp_path: Path) -> None:
    odd = {"table": np.arange(3), "gain": np.float32(2), "file": Path("a"), "nothing": float("nan")}
    write_manifest(tmp_path, manifest(devices=odd))
    assert read_manifest(tmp_path).devices == {"table": [0, 1, 2], "gain": 2.0, "file": "a", "nothing": None}


def test_what_json_cannot_hold_is_spelled_out(tmp_path: Path) -> None:
    endless: dict[str, object] = {"x_um": 1.5}
    endless["me"] = endless
    states = {
        "stage": {"steps": 2**70, None: "home", "label": "\udc80"},
        "light": [2**64, {True}],
        "me": endless,
    }
    write_manifest(tmp_path, manifest(devices=states, outcome="cancelled"))
    record = read_manifest(tmp_path)
    assert record.outcome == "cancelled"
    assert record.devices["stage"] == {"steps": hex(2**70), "None": "home", "label": "\\udc80"}
    assert record.devices["light"] == [hex(2**64), [True]]
    assert record.devices["me"]["x_um"] == 1.5


def test_a_run_that_nobody_closed_is_unknown(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    assert read_manifest(tmp_path).seen == "recording"
    write_manifest(tmp_path, manifest(recorder=dead()))
    assert read_manifest(tmp_path).seen == "unknown: not closed"
    write_manifest(tmp_path, manifest(recorder=dead(), outcome="cancelled"))
    assert read_manifest(tmp_path).seen == "cancelled"


def test_a_failed_write_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(tmp_path, manifest())

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(Exception, match="is full"):
            write_manifest(tmp_path, manifest(outcome="complete"))
    assert read_manifest(tmp_path).outcome == "recording"
    assert os.listdir(tmp_path) == [FILE_NAME]


def test_a_folder_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderVanishedError, match="nowhere"):
        write_manifest(tmp_path / "nowhere", manifest())


@pytest.mark.parametrize("content", [b"", b"{}", b'{"run": 1}', b"\xff"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(BadInputError, match="holds no run"):
        read_manifest(tmp_path)


def test_a_run_whose_recorder_ended_before_there_was_a_record_is_told_as_what_it_is(tmp_path: Path) -> None:
    """It was hidden from lists, and whoever opened it was told of no run in it."""
    begun = RunFolder.create(tmp_path, "beads").path
    (one,) = list_runs(tmp_path)
    assert (one.folder, one.name, one.outcome, one.stored) == (str(begun), "beads", "not begun", {})
    assert one.started_utc[:13] == begun.name[:13]
    with pytest.raises(BadInputError, match=r"nothing of the run in .* has begun"):
        open_run(begun)
    with pytest.raises(BadInputError, match="is not the folder of a run: it holds none"):
        open_run(tmp_path)
    write_manifest(begun, closed("beads", "complete"))
    assert [run.outcome for run in list_runs(tmp_path)] == ["complete"]


def test_the_catalogue_lists_every_run(tmp_path: Path) -> None:
    for name, outcome in (("b", "complete"), ("a", "incomplete: lost 2")):
        (tmp_path / name).mkdir()
        write_manifest(tmp_path / name, closed(name, outcome))
    (tmp_path / "no run").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / FILE_NAME).write_text("{")
    torn, second, first = list_runs(tmp_path)
    assert torn.outcome.startswith("unreadable")
    assert (Path(first.folder).name, first.outcome, first.stored, first.lost) == (
        "a",
        "incomplete: lost 2",
        {"camera": 8},
        {"camera": 2},
    )
    assert second.duration_s is not None
    assert second.duration_s >= 0
    with pytest.raises(BadInputError, match="no folder"):
        list_runs(tmp_path / "nowhere")
