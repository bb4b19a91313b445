import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def streams() -> Iterator[Path]:
    """A short folder for rings, in shared memory where there is one."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="pf", dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder)
