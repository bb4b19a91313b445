"""Services that are forked: afresh at each start, told apart, and watched as any others."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parfocal.core.clock import poll_until
from parfocal.processes import ServiceSpec, Supervisor, sibling_fork

from .conftest import PATIENCE_S, is_running, kill, stop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are forks on Linux alone")


def test_an_unknown_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sibling_fork.platform, "machine", lambda: "mips")
    with pytest.raises(OSError, match="mips"):
        sibling_fork.make_sibling_fork()


OWN_SERVICE = """
from parfocal.ipc import command
from parfocal.testing.services import Counter

class Own(Counter):
    @command(effect="reads")
    def version(self) -> int:
        return {version}
"""


def write_own(folder: Path, version: int) -> None:
    path = folder / "own_service.py"
    path.write_text(OWN_SERVICE.format(version=version), encoding="utf-8")
    os.utime(path, (version, version))  # no compiled file of before fits


def test_own_modules_are_read_afresh_at_each_start(
    make_rig, spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write_own(tmp_path, version=1)
    own = ServiceSpec(name="own", factory="own_service:Own")
    rig, _ = make_rig(own)
    with rig:
        assert is_forked(rig, "own")
        with rig.client("own") as client:
            assert client.call("version", timeout_s=PATIENCE_S) == 1
        write_own(tmp_path, version=2)
        rig.restart("own")
        assert is_forked(rig, "own")
        with rig.client("own") as client:
            assert client.call("version", timeout_s=PATIENCE_S) == 2


def is_forked(rig: Supervisor, service: str) -> bool:
    """Whether a service's process has the memory of its fork server: the same stack, say."""
    pids = (rig.status().services[service].pid, rig.fork_server_pid)
    return len({stack_of(pid) for pid in pids}) == 1


def stack_of(pid: int) -> str:
    """Return where the main stack of a process ends; it is elsewhere in each that was started anew."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return next(line.split()[0].split("-")[1] for line in maps.splitlines() if line.endswith("[stack]"))


def test_two_rigs_have_a_fork_server_each(make_rig, spec) -> None:
    one, _ = make_rig(spec("a"), name="one")
    two, _ = make_rig(spec("a"), name="two")
    with one, two:
        kill(one.fork_server_pid)
        two.restart("a")
        assert is_forked(two, "a")
        one.stop()
        assert two.status().services["a"].state == "ready"
        assert is_running(two.fork_server_pid)


@pytest.mark.parametrize("harm", [kill, stop])
def test_the_end_of_a_service_is_told_without_a_fork_server(
    make_rig, spec, harm: Callable[[int], None]
) -> None:
    rig, ears = make_rig(spec("a"), spec("b"))
    with rig:
        before = rig.status().services
        harm(rig.fork_server_pid)
        os.kill(before["a"].pid, signal.SIGKILL)
        ears.wait("state", name="a", error="was killed by SIGKILL")
        assert poll_until(lambda: rig.status().services["a"].restarts == 1, PATIENCE_S)
        assert poll_until(lambda: rig.status().services["a"].state == "ready", PATIENCE_S)
        assert rig.status().services["a"].exit_code == -9
        assert rig.status().services["b"].pid == before["b"].pid
        assert poll_until(lambda: rig.fork_server_pid != 0, PATIENCE_S)
