from __future__ import annotations

import io
import logging
import os
import threading
from pathlib import Path

import pytest

from parfocal.processes.child_pipe import HandShake, LogRecord, Reporter, read_report
from parfocal.processes.logs import HEALTH_EVERY_S, HealthLines, LogBook, ReportHandler
from parfocal.testing.clock import ManualClock

from .conftest import wait_for_text


def record(message: str) -> LogRecord:
    return LogRecord(name="a", level=logging.INFO, message=message, utc_ns=10**18)


def test_a_traceback_becomes_part_of_the_message() -> None:
    told: list[LogRecord] = []
    logger = logging.Logger("camera")
    logger.addHandler(ReportHandler(told.append))
    try:
        raise ZeroDivisionError("boom")
    except ZeroDivisionError:
        logger.exception("it failed")
    assert told[0].name == "camera"
    assert told[0].message.startswith("it failed\nTraceback")
    assert "ZeroDivisionError: boom" in told[0].message


def test_the_book_names_rig_service_and_logger(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = LogBook("bench", tmp_path / "rig.log")
    with caplog.at_level(logging.INFO, "parfocal.bench"):
        book.write("a", record("one"))
        book.write("b", record("two"))
        book.close(timeout_s=30)
    book.write("a", record("late"))
    assert [(entry.name, entry.message) for entry in caplog.records][:2] == [
        ("parfocal.bench.a", "one"),
        ("parfocal.bench.b.a", "two"),
    ]
    lines = (tmp_path / "rig.log").read_text().splitlines()
    assert [line.partition("INFO")[2].strip() for line in lines] == [
        "parfocal.bench.a: one",
        "parfocal.bench.b.a: two",
    ]


def test_a_terminal_that_takes_nothing_holds_up_nobody(tmp_path: Path) -> None:
    taken, go_on = threading.Event(), threading.Event()
    said: list[str] = []

    class Stuck(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            taken.set()
            go_on.wait(60)
            said.append(record.getMessage())

    logger, handler = logging.getLogger("parfocal.stuck"), Stuck()
    logger.addHandler(handler)
    logger.propagate = False
    book = LogBook("stuck", tmp_path / "rig.log")
    try:
        book.say("a", logging.WARNING, "first")
        assert taken.wait(30)
        for number in range(2500):
            book.say("a", logging.WARNING, f"number {number}")
            if number % 500 == 0:
                wait_for_text(tmp_path / "rig.log", f"number {number}")
    finally:
        go_on.set()
        book.close(timeout_s=30)
        logger.removeHandler(handler)
    lines = (tmp_path / "rig.log").read_text().splitlines()
    assert len(lines) > 1500, "the file goes on where the terminal stands"
    assert any("log records were dropped here" in text for text in said), (
        "the terminal is told what it missed"
    )


def test_health_is_told_once_a_minute_while_switched_on() -> None:
    told: list[str] = []
    heard = threading.Semaphore(0)

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())
            heard.release()

    logger = logging.Logger("camera")
    logger.addHandler(Keeper())
    clock, answers = ManualClock(), iter(["100 fps", "", "99 fps"])
    lines = HealthLines(logger, lambda: next(answers), clock)
    lines.switch(True)
    lines.switch(True)
    for _ in range(3):
        assert clock.wait_for_waiters(1)
        clock.advance(HEALTH_EVERY_S)
    for _ in range(2):
        assert heard.acquire(timeout=30)
    lines.switch(False)
    assert told == ["100 fps", "99 fps"]


def test_nobody_waits_for_a_parent_that_reads_nothing() -> None:
    read_fd, write_fd = os.pipe()
    with os.fdopen(read_fd, "rb") as reader, os.fdopen(write_fd, "wb") as writer:
        reporter = Reporter(writer, limit_bytes=1000)
        for number in range(3000):
            reporter.send(record(f"{number} " + "x" * 100))
        reporter.send(HandShake())
        lines: list[object] = []

        def read() -> None:
            for line in reader:
                lines.append(read_report(line))
                if isinstance(lines[-1], HandShake):
                    return

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(30)
        reporter.close(timeout_s=30)
    kept = [line for line in lines if isinstance(line, LogRecord)]
    assert isinstance(lines[-1], HandShake), "what is no log record is never dropped"
    assert 5 <= len(kept) < 3000
    assert any("log records were dropped" in line.message for line in kept)


def test_who_must_be_heard_before_going_on_waits_until_it_is_written() -> None:
    read_fd, write_fd = os.pipe()
    with os.fdopen(read_fd, "rb") as reader, os.fdopen(write_fd, "wb") as writer:
        reporter = Reporter(writer)
        reporter.send(HandShake())
        assert reporter.flush(timeout_s=30)
        assert isinstance(read_report(reader.readline()), HandShake)
        reporter.send(record("x" * 2**20))  # more than the pipe holds, and nobody reads
        assert not reporter.flush(timeout_s=0.01)
        reader.readline()
        assert reporter.flush(timeout_s=30)
        reporter.close(timeout_s=30)


def test_reports_to_a_parent_that_is_gone_end_quietly() -> None:
    class Gone(io.BytesIO):
        def write(self, data: object) -> int:
            raise BrokenPipeError

    reporter = Reporter(Gone())
    reporter.send(HandShake())
    reporter.close(timeout_s=30)
