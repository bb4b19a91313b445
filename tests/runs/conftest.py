from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.ipc import Client
from parfocal.processes import directory
from parfocal.runs.watch import RunWatch

from .fake_runs import FakeRuns, served

RIG = "lab"


@pytest.fixture
def folder(rig_roots) -> Iterator[Path]:
    """The runtime folder of a rig that is this process."""
    folder = directory.runtime_folder(RIG)
    folder.mkdir(parents=True, mode=0o700)
    record = directory.new_rig_record(RIG, ("runs",), directory.shm_folder(RIG))
    directory.write_record(folder / "rig.json", record)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fake(folder: Path) -> Iterator[FakeRuns]:
    with served(FakeRuns(), folder) as fake:
        yield fake


@pytest.fixture
def watch(folder: Path) -> Iterator[RunWatch]:
    with Client(folder, "runs", clock=SYSTEM_CLOCK) as client:
        watch = RunWatch(RIG, folder, client)
        yield watch
        watch.close()
