"""Records and movies at the workers of a real dask cluster: as they come out here, also if one is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError
from parfocal.rig.offline.cluster import Cluster
from parfocal.rig.offline.reprocess import reprocess
from parfocal.rig.offline.shared_folder import SharedFolder

from .movies import assert_as_alone, begin_tracking, child_of
from .recorded import PATIENCE_S, PLACES, TIMES, DaskCluster, run_parfocal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]
STEPS = '''
import os, time
from pathlib import Path
import numpy as np
from parfocal.runs import Pipeline

HERE = Path(__file__).parent

def bright(image, t, p):
    """Leave the pid of this process, and go on when the test says so."""
    if (HERE / "wait").exists():
        (HERE / f"at.{t}.{p}.{os.getpid()}").touch()
        while t == 2 and not (HERE / "go").exists():
            time.sleep(0.01)
    from parfocal.testing.steps import quarters
    return quarters(image, t)

S = "parfocal.testing.steps:"
pipeline = Pipeline(segment="cluster_steps:bright", features=S + "brightness", track=S + "ByLabel",
                    choose=S + "even", stimulate=S + "chosen_cells", channel="red")
'''


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a pipeline of its own."""
    (tmp_path / "cluster_steps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("cluster_steps", None)


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # nobody may be there to collect it
    except psutil.NoSuchProcess:
        return True


def assert_same(folder: Path, other: Path) -> None:
    runs = parfocal.open_run(folder), parfocal.open_run(other)
    one, two = (np.sort(run.tracks(), order=["p", "t", "label"]) for run in runs)
    assert one.dtype == two.dtype
    for name in one.dtype.names:
        assert np.array_equal(one[name], two[name], equal_nan=one[name].dtype.kind == "f"), name
    for stream in ("labels", "masks"):
        assert np.array_equal(*(run.frames(stream).array() for run in runs))


def test_a_cluster_finds_what_processes_here_find(record: Path, steps: Path, cluster: DaskCluster) -> None:
    reprocess(record, "cluster_steps:pipeline", steps / "here", workers=2)
    code, told, errors = run_parfocal(
        "reprocess", record, "--pipeline", "cluster_steps:pipeline", "--out", "there", "--dask",
        cluster.address, cwd=steps,
    )  # fmt: skip
    assert (code, told["outcome"], told["analysed"]) == (0, "complete", TIMES * PLACES), errors
    assert_same(steps / "here", steps / "there")
    assert set(os.listdir(steps / "here")) == set(os.listdir(steps / "there")), "nothing is left behind"
    versions = parfocal.open_run(steps / "there").manifest.service_versions
    assert {one["parfocal"] for one in versions.values()} == {parfocal.__version__}


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    record: Path, steps: Path, cluster: DaskCluster
) -> None:
    reprocess(record, "cluster_steps:pipeline", steps / "here")
    (steps / "wait").touch()
    command = [
        *(sys.executable, "-m", "parfocal", "reprocess", str(record), "--pipeline", "cluster_steps:pipeline"),
        *("--out", "there", "--dask", cluster.address, "--json"),
    ]
    with subprocess.Popen(command, cwd=steps, stdout=subprocess.PIPE, text=True) as process:
        assert poll_until(lambda: list(steps.glob("at.2.*")) != [], PATIENCE_S), "a worker is at work"
        steps_process = psutil.Process(int(next(steps.glob("at.2.*")).suffix[1:]))
        worker = steps_process.parent()
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        assert poll_until(lambda: is_gone(steps_process), PATIENCE_S), "it ends with its worker"
        (steps / "go").touch()
        assert process.wait(PATIENCE_S) == 0
    again = parfocal.open_run(steps / "there")
    assert again.outcome == "complete"
    assert_same(steps / "here", steps / "there")


def test_workers_that_see_another_folder_are_refused_and_named(
    record: Path, steps: Path, cluster: DaskCluster
) -> None:
    """What lies at this path is another folder in each process: that in which it was started."""
    code, _, errors = run_parfocal(
        "reprocess", record, "--pipeline", "cluster_steps:pipeline", "--out", "/proc/self/cwd/there",
        "--dask", cluster.address, cwd=steps,
    )  # fmt: skip
    assert code == 2
    assert "worker tcp://" in errors
    assert "it sees another folder at /proc/self/cwd/there" in errors
    assert not (steps / "there").exists()


def test_no_cluster_is_told(record: Path, steps: Path) -> None:
    code, _, errors = run_parfocal(
        "reprocess", record, "--pipeline", "cluster_steps:pipeline", "--out", "there",
        "--dask", "tcp://127.0.0.1:9", cwd=steps,
    )  # fmt: skip
    assert code == 2
    assert "no dask scheduler answers at tcp://127.0.0.1:9" in errors


def test_a_worker_of_a_cluster_that_is_killed_leaves_its_movie_to_another(
    movies: Path, tmp_path: Path, cluster: DaskCluster
) -> None:
    with begin_tracking(movies, tmp_path / "out", "--dask", cluster.address) as process:
        worker = child_of(cluster.pid).parent()
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == 1
    assert_as_alone(movies, json.loads(out.splitlines()[-1]), tmp_path)


def test_a_cluster_is_joined_from_a_notebook_too_whose_thread_has_a_loop_that_runs(tmp_path: Path) -> None:
    async def cell() -> None:
        Cluster("tcp://127.0.0.1:9", SharedFolder(folder=str(tmp_path), token_file="token", token=""))

    with pytest.raises(BadInputError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        asyncio.run(cell())


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "tcp://127.0.0.1:{port}"])
def test_movies_are_not_tracked_where_no_scheduler_answers(tmp_path: Path, address: str) -> None:
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((5, 32, 32), np.uint16))
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as page:  # as the pages of a scheduler
        threading.Thread(target=page.serve_forever, daemon=True).start()
        asked = address.format(port=page.server_port)
        code, _, errors = run_parfocal(
            "track", "a.tif", "b.tif", "--dask", asked, "--out", "there", cwd=tmp_path
        )
        page.shutdown()
    assert code == 2
    assert "no dask scheduler" in errors
    assert asked in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "there").exists()
