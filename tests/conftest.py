"""Every test gets folders of its own for rigs, and leaves nothing behind: no process, file, socket, pipe."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from parfocal.core.reminder import still_open

# A slow machine is no fault, and a test is the same each time; --hypothesis-profile=search tries others.
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

SETTLES_WITHIN_S = 60.0
SLOW_S = 600
KEEPS_HANDLES = {
    *("storage", "examples", "offline"),  # zarr-python keeps an event loop for as long as the process lives
    "locks",  # one rig of streams for all tests of a module, whose sockets are made when they are needed
}
ROOT_VARIABLES = ("PARFOCAL_RUNTIME_DIR", "PARFOCAL_SHM_DIR")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests that do not say how long they may take more time than others."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_S))


@pytest.fixture(scope="session", autouse=True)
def _shared_context() -> None:
    """Make what a process makes only once, before anything is counted."""
    import zmq

    from parfocal.ipc.endpoints import context

    context().socket(zmq.PAIR).close(0)


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """A shell that runs the tests in its background, or nohup, has them and all they start ignore these."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def rig_roots(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path]]:
    """Short folders for runtime files and streams, set in the environment; checks what the test left.

    They are those of the module where its tests share a rig.
    """
    if "shared_roots" in request.fixturenames:
        yield request.getfixturevalue("shared_roots")
        return
    with fresh_roots(request.node.path, tmp_path_factory) as roots:
        yield roots


@pytest.fixture(scope="module")
def shared_roots(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path]]:
    """The same once for a module, all tests of which have to use it: for a rig that they share."""
    with fresh_roots(request.node.path, tmp_path_factory) as roots:
        yield roots


@contextmanager
def fresh_roots(tests: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Make the folders for what is tested in a file, and check at the end that nothing is left."""
    roots = Path(tempfile.mkdtemp(prefix="pf")), Path(tempfile.mkdtemp(prefix="pf"))
    untouched_ns = roots[0].stat().st_mtime_ns
    open_before = Counter(still_open())
    handles = None if KEEPS_HANDLES & set(tests.parts) else open_handles()
    with pytest.MonkeyPatch.context() as environment:
        for variable, root in zip(ROOT_VARIABLES, roots, strict=True):
            environment.setenv(variable, str(root))
        environment.setenv("PARFOCAL_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        for variable in ("COLUMNS", "LINES"):  # of somebody's window, or set by whoever runs tests in workers
            environment.delenv(variable, raising=False)
        yield roots
    was_used = roots[0].stat().st_mtime_ns != untouched_ns
    left = settled(lambda: leftovers(roots, handles, was_used) + unclosed(open_before))
    end_processes(roots if was_used else ())
    for root in roots:
        shutil.rmtree(root, ignore_errors=True)
    assert not left, "left behind: " + "; ".join(left)


def settled(look) -> list[str]:
    """Return what `look` finds, once it finds nothing or some time has passed."""
    end = time.monotonic() + SETTLES_WITHIN_S
    while (found := look()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def leftovers(roots: tuple[Path, ...], handles: Counter[str] | None, was_used: bool) -> list[str]:
    # what goes while it is looked at is none of it
    walks = (step for root in roots for step in os.walk(root))
    found = [f"file {folder}/{name}" for folder, _, names in walks for name in names]
    named = {process.pid: name_of(process) for process in processes(roots if was_used else ())}
    found += [f"process {pid} {name}" for pid, name in named.items() if name]
    if handles is not None:
        found += [f"{count} open {kind}" for kind, count in (open_handles() - handles).items()]
    return found


def unclosed(before: Counter[str]) -> list[str]:
    return [f"{count} open: {what}" for what, count in (Counter(still_open()) - before).items()]


def processes(roots: tuple[Path, ...]) -> list[psutil.Process]:
    """Return the children of this process, and any process that works in one of `roots`."""
    mine = psutil.Process()
    found = {process.pid: process for process in mine.children(recursive=True)}
    for process in psutil.process_iter() if roots else ():
        try:
            if process.pid != mine.pid and process.environ().get(ROOT_VARIABLES[0]) == str(roots[0]):
                found[process.pid] = process
        except psutil.Error:
            continue
    return [p for p in found.values() if p.is_running() and not is_collected_elsewhere(p)]


def name_of(process: psutil.Process) -> str:
    """Return what a process is called; "" if it has ended while it was looked at."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def is_collected_elsewhere(process: psutil.Process) -> bool:
    """Whether it has ended, and only some other parent has not yet noticed."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE and process.ppid() != os.getpid()
    except psutil.Error:
        return True


def end_processes(roots: tuple[Path, ...]) -> None:
    """Kill what is left, and collect it: the tests that follow are not to be blamed for it."""
    left = processes(roots)
    for process in left:
        process.kill()
    psutil.wait_procs(left, SETTLES_WITHIN_S)


def open_handles() -> Counter[str]:
    """Count the sockets and pipes of this process by kind."""
    if sys.platform != "linux":
        return Counter()
    kinds: Counter[str] = Counter()
    for entry in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
        kind, _, number = target.partition(":[")
        if number and kind in ("socket", "pipe"):
            kinds[kind] += 1
    return kinds
