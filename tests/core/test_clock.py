"""The clock is the only reader of time; a pause is written as one."""

from __future__ import annotations

import re
from pathlib import Path

import parfocal

SOURCE = Path(parfocal.__file__).parent
READERS = {"core/clock.py", "processes/reaper.py"}  # the reaper runs without the package
READS = re.compile(r"\btime\.(time|monotonic|perf_counter|process_time|sleep)(_ns)?\b|datetime\.now|utcnow")
PAUSES = re.compile(r"\.wait\(threading\.Event\(\)|threading\.Event\(\)\.wait\(")


def places(pattern: re.Pattern[str]) -> set[str]:
    found = set()
    for path in SOURCE.rglob("*.py"):
        if pattern.search(path.read_text(encoding="utf-8")):
            found.add(path.relative_to(SOURCE).as_posix())
    return found


def test_nobody_else_reads_the_time() -> None:
    assert places(READS) <= READERS


def test_a_pause_is_no_wait_for_what_never_comes() -> None:
    assert places(PAUSES) <= {"testing/clock.py"}, "but for the clock that a test moves, and its example"
