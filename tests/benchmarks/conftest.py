"""The benchmarks are scripts: their modules are found beside them."""

from __future__ import annotations

from multiprocessing import resource_tracker
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    resource_tracker._resource_tracker._stop()  # it would stay, and be taken for something left behind
