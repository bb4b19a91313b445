from __future__ import annotations

import threading
from contextlib import closing
from types import SimpleNamespace

import pytest

from parfocal.devices.redpitaya.health import HealthCheck
from parfocal.devices.redpitaya.memory_map import CLOCK_HZ

from .sharing import WAIT_S


@pytest.mark.parametrize(
    ("began_anew", "late_s", "restarts"),
    [
        pytest.param([], [0.0, 0.6, 0.0, 0.3, 0.9, 0.0], 0, id="answers come late"),
        pytest.param([3], [0.0] * 6, 1, id="it begins anew"),
        pytest.param([3], [0.0, 0.6, 0.0, 0.3, 0.9, 0.0], 1, id="it begins anew, and answers come late"),
    ],
)
def test_a_board_is_told_to_be_restarted_if_it_was_and_not_if_it_answers_late(
    clock, began_anew, late_s, restarts
):
    closing_now, answers, failed, news, done = threading.Event(), iter(late_s), [], [], []
    began_ns = [-(10**11)]

    def tick():
        """The board's time when it is asked; its answer is on its way for a while."""
        if len(done) in began_anew:
            began_ns[0] = clock.now_ns
        counted = (clock.now_ns - began_ns[0]) * CLOCK_HZ // 10**9
        clock.sleep(next(answers))
        done.append("look")
        if len(done) == len(late_s):
            closing_now.set()
        return counted

    board = SimpleNamespace(
        pitaya=SimpleNamespace(scope=SimpleNamespace(tick=tick)),
        make_safe=lambda: news.append("made safe"),
        restore=lambda: news.append("restored"),
        finish_silence=lambda: None,
    )
    with closing(HealthCheck(board, news.append, failed.append, clock, closing_now)):
        assert closing_now.wait(WAIT_S)
    told = {"connected": True, "restarted": True, "error": ""}
    assert news == ["made safe", "restored", told] * restarts
    assert failed == []
