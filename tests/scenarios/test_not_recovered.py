"""Recoveries that can't be, or meet another death: told in words, and no record is touched by a refusal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tomllib
import zlib
from pathlib import Path

import msgspec
import psutil
import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError
from parfocal.processes import directory
from parfocal.rig.config import load_config
from parfocal.rig.opening import open_rig
from parfocal.rig.recovering import recover
from parfocal.runs import Pipeline, Sequence, Step, combine, confirm
from parfocal.runs.journal_file import JournalFile
from parfocal.storage import list_runs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("shared_roots")]
PATIENCE_S = 120.0
BUILTIN = Path(parfocal.__file__).parent / "rig" / "builtin" / "microscope.toml"
HALF = Sequence(
    time_plan={"interval": 0.1, "loops": 3}, channels=["nucleus"], stage_positions=[(0, 0, 5), (90, 0, 5)]
)
PLAN = combine(HALF, confirm("go on?"), HALF, axis="t")
CELLS = "parfocal.analysis.cells."
PIPELINE = Pipeline(
    segment=CELLS + "segment:otsu",
    features=CELLS + "measure:measure",
    track=Step(call=CELLS + "linking:NearestLinker", settings={"search_px": 15.0}),
    workers=1,
)


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"not: {what}"


def analysed(run):
    """Return the time points and positions of which there are cells."""
    tracks = parfocal.open_run(run).tracks()
    return set(zip(tracks["t"].tolist(), tracks["p"].tolist(), strict=True))


def cut_short(folder, name="first", **more):
    """Return the folder of a run that was cancelled in its middle, and whose rig has ended."""
    with open_rig("microscope", changes={"recorder.folder": str(folder)}) as rig:
        handle = rig.run(PLAN, name=name, **more)
        until(lambda: handle.status().question, "its middle")
        if more:
            until(lambda: len(analysed(handle.status().folder)) == 6, "the analysis of its images")
        handle.cancel("enough for now")
        return Path(handle.wait(PATIENCE_S).folder)


@pytest.fixture(scope="module")
def run(shared_roots, tmp_path_factory):
    return cut_short(tmp_path_factory.mktemp("runs"))


def changed(run, folder, change):
    """Return a copy of a run whose manifest is another one."""
    shutil.copytree(run, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def of_version(version):
    return lambda manifest: manifest["versions"].update(parfocal=version)


def add_to_journal(folder, entry):
    content = msgspec.msgpack.encode(entry)
    file = JournalFile(folder)
    file.append([struct.pack("<II", len(content), zlib.crc32(content)) + content])
    file.close()


def test_a_journal_of_a_later_version_is_refused_with_both_versions(run, tmp_path):
    later = changed(run, tmp_path / "later", of_version("9.9.0"))
    add_to_journal(later, {"type": "teleported", "number": 3})
    before = (later / "run.journal").read_bytes()
    with pytest.raises(
        BadInputError, match=r"entry \d+ is of another version.*by parfocal 9.9.0, and this is"
    ):
        recover(later)
    command = [sys.executable, "-m", "parfocal", "recover", str(later), "--yes"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "recover it with that" in told.stderr
    assert "Traceback" not in told.stderr
    assert not directory.rigs(), "no rig was started"
    assert (later / "run.journal").read_bytes() == before


def test_a_plan_of_a_later_version_is_refused_with_both_versions(run, tmp_path):
    later = changed(run, tmp_path / "later", of_version("9.9.0"))
    plan = {"type": "entangle", "with": "everything"}
    add_to_journal(later, {"type": "replanned", "first": -1, "plan": plan})
    with pytest.raises(BadInputError, match=r"entangle.*by parfocal 9.9.0, and this is"):
        recover(later)


def test_a_record_of_another_version_that_can_be_read_is_recovered_and_tells_the_difference(run, tmp_path):
    def earlier(manifest):
        of_version("0.0.9")(manifest)
        for versions in manifest["service_versions"].values():
            versions["parfocal"] = "0.0.9"

    with recover(changed(run, tmp_path / "earlier", earlier)) as found:
        assert found.report.refused == ""
        assert any(line.startswith("parfocal was 0.0.9, and is ") for line in found.differences)


def test_columns_that_a_table_of_an_earlier_version_lacks_are_told_before_anything_is_done(run, tmp_path):
    def earlier(manifest):
        columns = manifest["streams"]["run_events"]["spec"]["columns"]
        columns[:] = [column for column in columns if column[0] != "sequenced"]

    with recover(changed(run, tmp_path / "earlier", earlier)) as found:
        assert found.report.refused == ""
        told = "table run_events has no column sequenced: what belongs there is left out of it"
        assert found.differences == (told,)


def test_a_rig_that_lacks_an_instrument_by_now_is_refused_and_told(run, tmp_path):
    config = load_config(run / directory.RIG_FILE)
    services = {name: one for name, one in config.services.items() if name != "xy"}
    without = config.model_copy(update={"services": services})
    with open_rig(without, changes={"recorder.folder": str(tmp_path)}) as rig, recover(run) as found:
        assert found.rig.name == rig.name
        assert "moves x, and no stage of the rig's runs has it" in found.report.refused
        assert found.differences == ("there is no service xy any more", "runs.xy was xy, and is not set")
        with pytest.raises(BadInputError, match="moves x"):
            found.complete()
    assert parfocal.open_run(run).outcome == "cancelled", "nothing of it was changed"


def test_a_step_that_has_changed_since_is_told_and_the_run_goes_on_with_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    steps = tmp_path / "changing_steps.py"
    steps.write_text("def bright(image):\n    return (image > 300).astype('int32')\n")
    run = cut_short(tmp_path / "runs", name="cells", pipeline=Pipeline(segment="changing_steps:bright"))
    steps.write_text("def bright(image):\n    return (image > 200).astype('int32')\n")
    del sys.modules["changing_steps"]
    with recover(run) as found:
        told = "step segment (changing_steps:bright) has another source than when the run began"
        assert found.differences == (told,)
        handle = found.complete()
        until(lambda: handle.status().question or handle.status().ended, "the question")
        if handle.status().question:
            handle.confirm()
        status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired) == ("complete", 13), status.reason


def test_a_worker_that_is_killed_while_a_run_is_recovered_costs_nothing(tmp_path):
    run = cut_short(tmp_path, name="cells", pipeline=PIPELINE)
    with recover(run) as found:
        handle = found.complete()
        engine = found.rig.status().services["runs"].pid
        until(lambda: handle.status().events_acquired > 6 or handle.status().question, "it goes on")
        (worker,) = [
            one.pid
            for one in psutil.Process(engine).children()
            if "parfocal.runs.pipeline.worker" in one.cmdline()
        ]
        os.kill(worker, signal.SIGKILL)
        until(lambda: handle.status().question or handle.status().ended, "the question")
        if handle.status().question:
            handle.confirm()
        status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired) == ("complete", 13), status.reason
    assert analysed(run) == {(t, p) for t in range(6) for p in range(2)}


def test_a_record_whose_recorder_is_killed_before_it_is_there_has_not_begun_and_the_run_has_another(tmp_path):
    runs = tmp_path / "runs"
    data = tomllib.loads(BUILTIN.read_text())
    data["services"]["door"] = {"kind": "parfocal.testing.services:Door"}
    data["services"]["recorder"]["settings"]["folder"] = str(runs)

    def left():
        return [path for path in runs.glob("*_first") if not (path / "manifest.json").exists()]

    with open_rig(data) as rig:
        os.kill(rig.status().services["door"].pid, signal.SIGSTOP)  # the record waits for what it has to tell
        handle = rig.run(HALF, name="first")
        until(left, "a folder without a record")
        os.kill(rig.status().services["recorder"].pid, signal.SIGKILL)
        (torn,) = left()
        assert handle.wait(PATIENCE_S).outcome == "complete"
    assert [run.outcome for run in list_runs(runs)] == ["not begun", "complete"]
    for command in (["recover", str(torn), "--check"], ["runs", str(runs)]):
        told = subprocess.run(
            [sys.executable, "-m", "parfocal", *command], capture_output=True, text=True, check=False
        )
        assert "Traceback" not in told.stderr
        assert "begun" in told.stdout + told.stderr
    with pytest.raises(BadInputError, match=r"nothing of the run in .* has begun"):
        recover(torn)


def test_a_record_of_which_only_the_manifest_was_written_has_not_begun(run, tmp_path):
    torn = changed(run, tmp_path / "torn", lambda _: None)
    (torn / "run.journal").unlink()
    with pytest.raises(BadInputError, match=r"has no journal .*: nothing of it had begun"):
        recover(torn)
