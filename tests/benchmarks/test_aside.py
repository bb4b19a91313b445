"""What a peer may do in its process: return, raise, crash, hang, and leave processes behind."""

from __future__ import annotations

import os
import time
from importlib import import_module

import pytest


@pytest.fixture
def aside():
    return import_module("_aside").Aside


@pytest.fixture
def streams():
    return import_module("streams")


def reason(answer):
    assert isinstance(answer, import_module("_report").Failed)
    return answer.reason


def test_a_result_comes_back(aside):
    with aside() as there:
        assert there.call(max, [1, 3, 2]) == 3
        assert there.call(sorted, [1, 3, 2], reverse=True) == [3, 2, 1]


def test_what_raises_is_a_reason_and_is_not_tried_again(aside):
    with aside() as there:
        assert reason(there.call(import_module, "not_installed_anywhere")).startswith("ModuleNotFoundError")
        assert "not_installed_anywhere" in reason(there.call(max, [1, 2]))


def test_a_crash_is_told_by_its_exit_code(aside):
    with aside() as there:
        assert reason(there.call(os._exit, 7)) == "its process ended with exit code 7"


def test_what_hangs_is_killed(aside):
    with aside(limit_s=0.2) as there:
        assert reason(there.call(time.sleep, 600)) == "no result within 0.2 s"


def test_a_reader_that_fails_is_named(aside, streams):
    with aside() as there:
        answer = there.call(streams.rate, "parfocal", streams.TINY, 2, 0.1, {"policy": "whatever"})
    assert "a reader failed" in reason(answer)
    assert "whatever" in reason(answer)


def test_a_sender_that_waits_for_a_dead_reader_is_killed_with_all_it_started(aside, streams):
    with aside(limit_s=5) as there:
        answer = there.call(streams.rate, "queue", streams.TINY, 1, 60.0, {"pause_s": "a while"})
    assert reason(answer) == "no result within 5 s"
