"""Files that are replaced in one step, by several threads and processes at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parfocal.core.files import replace_file

WRITE = """
import sys
from pathlib import Path
from parfocal.core.files import replace_file
for _ in range(300):
    replace_file(Path(sys.argv[1]), sys.argv[2].encode() * 100_000)
"""


@pytest.mark.parametrize("private", [False, True])
def test_threads_that_write_at_once_leave_one_of_their_contents_whole(tmp_path: Path, private: bool) -> None:
    path = tmp_path / "pointer"
    contents = [letter * 50_000 for letter in (b"a", b"b", b"c", b"d")]
    together = threading.Barrier(len(contents))

    def write(content: bytes) -> None:
        together.wait()
        for _ in range(200):
            replace_file(path, content, private=private)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(len(contents)) as threads:
        list(threads.map(write, contents))
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_write_at_once_leave_one_of_their_contents_whole(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, path, letter]) for letter in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert path.read_bytes() in (b"a" * 100_000, b"b" * 100_000)
    assert list(tmp_path.iterdir()) == [path]
