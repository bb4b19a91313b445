"""Structs that threads share are known to msgspec before they use them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from parfocal.core.known_types import known

RACE = """
import sys, threading
import msgspec
from parfocal.core.run_status import RunStatus

data = msgspec.to_builtins(RunStatus(run="a"))
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(4)


def convert():
    barrier.wait()
    for _ in range(50):
        msgspec.convert(data, RunStatus)


threads = [threading.Thread(target=convert) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
def test_threads_may_be_the_first_to_convert_a_status_at_once():
    for _ in range(40):  # one in twenty crashed
        assert subprocess.run([sys.executable, "-c", RACE], check=False).returncode == 0


def test_what_is_no_type_is_refused():
    with pytest.raises(TypeError):
        known(3)
