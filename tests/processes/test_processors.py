"""Services that have a processor of their own: all of their process, and nothing that they start."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info

from parfocal.processes import fork_server, processors
from parfocal.processes.processors import any_processor, divided, take_processors, why_no_own_processor
from parfocal.processes.session import start_module

from .conftest import PATIENCE_S

several = pytest.mark.skipif(bool(why_no_own_processor()), reason="here is one processor for everything")


def processors_of(pid: int) -> set[frozenset[int]]:
    return {frozenset(os.sched_getaffinity(int(thread))) for thread in os.listdir(f"/proc/{pid}/task")}


@several
@pytest.mark.parametrize("forks", [True, False])
def test_all_threads_of_a_service_keep_to_its_processors_after_a_restart_too(
    make_rig, spec, monkeypatch: pytest.MonkeyPatch, *, forks: bool
) -> None:
    monkeypatch.setattr(fork_server, "LINUX", forks)
    rig, _ = make_rig(spec("quick", processors="own"), spec("slow", processors="others"), spec("free"))
    found = frozenset(os.sched_getaffinity(0))
    number, others = divided(found)
    own = frozenset([number])

    def check() -> None:
        with rig.client("quick") as quick:
            assert quick.call("double", 2, timeout_s=PATIENCE_S) == 4  # in a lane whose thread is made for it
        states = rig.status().services
        assert processors_of(states["quick"].pid) == {own}
        assert processors_of(states["slow"].pid) == {others}
        assert processors_of(states["free"].pid) == {found}

    with rig:
        check()
        rig.restart("quick")
        check()
    assert processors_of(os.getpid()) == {found}


@several
def test_what_such_a_service_starts_has_all_processors(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    found = frozenset(os.sched_getaffinity(0))
    monkeypatch.setattr(processors, "_found", found)
    os.sched_setaffinity(0, {max(found)})
    try:
        with open(tmp_path / "errors", "wb") as errors:
            child = start_module("parfocal.processes.reaper", stdout=subprocess.DEVNULL, stderr=errors)
        with child:
            assert processors_of(child.pid) == {found}
            child.kill()
        assert os.sched_getaffinity(0) == {max(found)}
    finally:
        os.sched_setaffinity(0, found)


@several
@pytest.mark.parametrize("wanted", ["own", "others"])
def test_linear_algebra_has_no_more_threads_than_processors(wanted: str) -> None:
    """With more of them a product of 128 x 128 took 16 ms instead of 0.05: they wait for one another."""
    code = f"""
import os, numpy
from threadpoolctl import threadpool_info
from parfocal.processes.processors import take_processors
take_processors({wanted!r})
print(len(os.sched_getaffinity(0)), [pool["num_threads"] for pool in threadpool_info()])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    count = 1 if wanted == "own" else len(os.sched_getaffinity(0)) - 1
    pools = len(threadpool_info())
    assert pools
    assert told.split(maxsplit=1)[0] == str(count)
    assert set(ast.literal_eval(told.split(maxsplit=1)[1])) == {count}


@several
def test_who_may_not_choose_goes_on_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    assert why_no_own_processor() == "this user may not choose (Operation not permitted)"
    take_processors("own")
    assert not processors._found


def test_a_processor_whose_core_is_all_there_is_leaves_the_others_its_sibling() -> None:
    together = frozenset({0, 1})
    assert divided(together, lambda _: 0, lambda _: together) == (1, frozenset({0}))
    assert divided(together, lambda _: 0, lambda _: frozenset()) == (1, frozenset({0}))


def test_where_there_is_one_processor_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    monkeypatch.setattr(processors.sys, "platform", "linux")
    assert why_no_own_processor() == "there is one for everything"
    for wanted in ("own", "others"):
        take_processors(wanted)
    assert not processors._found
    with any_processor():
        pass


def test_a_system_without_such_a_thing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.sys, "platform", "darwin")
    assert "Linux only" in why_no_own_processor()
    take_processors("own")
    assert not processors._found
