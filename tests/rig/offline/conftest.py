"""A record of images of two positions, without a microscope, and a cluster of dask."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .movies import write_movies
from .recorded import PATIENCE_S, DaskCluster, write_record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed run; see `write_record`."""
    return write_record(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def movies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of movies; see `write_movies`."""
    return write_movies(tmp_path_factory.mktemp("movies"))


@pytest.fixture(scope="module")
def cluster(shared_roots: tuple[Path, Path]) -> Iterator[DaskCluster]:
    """Two workers with a thread each."""
    script = Path(__file__).with_name("local_cluster.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield DaskCluster(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
