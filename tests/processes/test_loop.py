from __future__ import annotations

import threading

import pytest

from parfocal.processes.loop import Loop


def nothing() -> None:
    return None


def test_a_step_that_wants_none_waits_for_a_job_or_a_wake() -> None:
    loop, order = Loop(), []
    stepped = threading.Semaphore(0)

    def step() -> None:
        order.append("step")
        stepped.release()

    thread = threading.Thread(target=lambda: loop.run(step, nothing, nothing))
    thread.start()
    assert stepped.acquire(timeout=30)
    loop.submit(lambda: order.append("job"))
    assert stepped.acquire(timeout=30)
    loop.wake()
    assert stepped.acquire(timeout=30)
    loop.end()
    thread.join(30)
    assert order == ["step", "job", "step", "step"]


def test_eager_steps_and_many_jobs_take_turns() -> None:
    loop, order = Loop(), []

    def job() -> None:
        order.append("job")
        if len(order) < 20:
            loop.submit(job)
        else:
            loop.end()

    def step() -> float:
        order.append("step")
        return 0.0

    loop.submit(job)
    loop.run(step, nothing, nothing)
    assert order.count("step") >= 5
    assert order.count("job") >= 5


def test_what_a_step_raises_goes_through() -> None:
    def step() -> float:
        raise ZeroDivisionError("boom")

    with pytest.raises(ZeroDivisionError, match="boom"):
        Loop().run(step, nothing, nothing)


def test_signs_of_life_surround_jobs_and_steps() -> None:
    loop, signs = Loop(), []

    def step() -> float:
        signs.append("step")
        loop.end()
        return 0.0

    loop.submit(lambda: signs.append("job"))
    loop.run(step, lambda: signs.append("("), lambda: signs.append(")"))
    assert signs == ["(", "job", ")", "(", "step", ")"]
