from __future__ import annotations

import os
from pathlib import Path

from parfocal.processes.logs import limit_log


def test_a_log_that_another_process_writes_is_cut_once_it_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(writer, b"first " * 10)
    limit_log(path, longest=100)
    assert path.stat().st_size == 60
    os.write(writer, b"second " * 10)
    limit_log(path, longest=100)
    os.write(writer, b"third")
    os.close(writer)
    assert path.read_bytes() == b"third"
    assert (tmp_path / "a.log.1").read_bytes() == b"first " * 10 + b"second " * 10
