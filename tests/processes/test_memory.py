"""What only opening needed is given back to the system, and nothing else."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parfocal.processes.system import return_free_memory, unchanged_parts_of_libraries

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

GIVES_BACK = """
from pathlib import Path
import numpy as np
from parfocal.processes.system import return_free_memory

def clean_kb():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Shared_Clean", "Private_Clean")))

matrix = np.eye(200) + 0.01
expected = np.linalg.inv(matrix)
before = clean_kb()
return_free_memory()
after = clean_kb()
assert np.array_equal(np.linalg.inv(matrix), expected)
print(before, after)
"""


def test_libraries_are_let_go_and_work_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GIVES_BACK], check=True, capture_output=True, text=True, timeout=100
    )
    before, after = map(int, done.stdout.split())
    assert after < before / 2


def test_memory_that_is_shared_or_was_written_to_stays(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    path.write_bytes(bytes(1 << 20))
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        own = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        own[:5] = b"ours!"
    return_free_memory()
    given = [range(start, start + size) for start, size in unchanged_parts_of_libraries()]
    assert given
    for memory in (shared, own):
        address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        assert not any(address in part for part in given)
    assert own[:5] == b"ours!"
