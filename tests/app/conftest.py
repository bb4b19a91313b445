"""Windows that are drawn into memory, with what several tests need beside them on the path."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _garbage_is_collected_here():
    """Widgets among it are deleted in their thread: no other collects while a test with windows runs."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(scope="session")
def application():
    """The one application of this process."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from parfocal.app.window_program import window_application

    return window_application()
