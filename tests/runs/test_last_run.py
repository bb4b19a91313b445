"""Which runs go on, on the disk for the next process of the service."""

from __future__ import annotations

import errno
import logging
import threading
from types import SimpleNamespace

import pytest

from parfocal.core.run_status import RunStatus
from parfocal.runs import last_run
from parfocal.runs.last_run import LastRuns, UnfinishedRun
from parfocal.runs.lifetimes import RunLifetimes


@pytest.fixture
def last(tmp_path):
    return LastRuns(tmp_path / "runs.unfinished", tmp_path / "runs.counts")


def test_none_removes_what_was_kept(last):
    last.keep(lambda: (UnfinishedRun(run="night"),))
    assert [run.run for run in last.unfinished()] == ["night"]
    last.keep(tuple)
    assert last.unfinished() == ()


def test_a_full_disk_ends_no_run_and_is_told_once_until_it_takes_which_go_on(last, monkeypatch, caplog):
    run = SimpleNamespace(status=lambda: RunStatus(run="night"))
    context = SimpleNamespace(log=logging.getLogger("runs"))
    lifetimes = RunLifetimes(context, SimpleNamespace(going_on=lambda: (run,)), last)

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(last_run, "replace_file", full)
        lifetimes.keep()
        lifetimes.keep()
    assert [record.getMessage() for record in caplog.records] == [
        "the disk does not take which runs go on: [Errno 28] No space left on device"
    ]
    assert last.unfinished() == ()
    lifetimes.keep()
    assert [one.run for one in last.unfinished()] == ["night"]


def test_a_thread_that_was_slow_to_write_does_not_win_over_a_later_one(last, monkeypatch):
    going_on, begun, may_end = [UnfinishedRun(run="first")], threading.Event(), threading.Event()

    def slow(path, content):
        if not begun.is_set():
            begun.set()
            assert may_end.wait(60)
        path.write_bytes(content)

    monkeypatch.setattr(last_run, "replace_file", slow)
    step = threading.Thread(target=last.keep, args=(lambda: tuple(going_on),))
    step.start()
    assert begun.wait(60)
    going_on.append(UnfinishedRun(run="second"))
    command = threading.Thread(target=last.keep, args=(lambda: tuple(going_on),))
    command.start()
    command.join(0.1)  # it waits for the first
    may_end.set()
    step.join()
    command.join()
    assert [run.run for run in last.unfinished()] == ["first", "second"]
