"""A process that keeps what it frees gets no new pages for the next array of that size."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from parfocal.runs.pipeline.freed_memory import keep_freed_memory

def pages_for_an_array():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(1 << 20)  # 8 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(keep_freed_memory(), pages_for_an_array(), pages_for_an_array())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of the C library of GNU")
def test_an_array_takes_the_memory_of_the_one_before():
    words = [sys.executable, "-c", SCRIPT]
    kept, _, second = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    if kept != "True":
        pytest.skip("another C library")
    assert int(second) < 100
