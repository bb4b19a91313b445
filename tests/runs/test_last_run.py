"""Which runs go on, on the disk for the next process of the service."""

from __future__ import annotations

import threading

import pytest

from parfocal.runs import last_run
from parfocal.runs.last_run import LastRuns, UnfinishedRun


@pytest.fixture
def last(tmp_path):
    return LastRuns(tmp_path / "runs.unfinished", tmp_path / "runs.counts")


def test_none_removes_what_was_kept(last):
    last.keep(lambda: (UnfinishedRun(run="night"),))
    assert [run.run for run in last.unfinished()] == ["night"]
    last.keep(tuple)
    assert last.unfinished() == ()


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
