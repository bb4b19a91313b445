"""No process loads a heavy library that it does not use, or holds more frames than it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import parfocal
from parfocal.rig.rig import Rig

HEAVY = ("llvmlite", "tensorstore", "pyarrow", "scipy", "matplotlib", "PIL", "tifffile")
NUMERICS = {"llvmlite", "scipy"}
FRAMES_MB = 60
"""What the ring of the tweezers rig may take; its frames are most of what the rig holds."""
MOST_MB = 450
"""What the whole rig may take while it is idle; 414 was measured.

Python, numpy, pydantic and zmq, once they are imported, take 25 in a process of their own; services, which
are forked, share most of that. 55 is the camera's ring, and 50 each what numba keeps in the camera and the
worker; compiling itself, each keeps 180 more.
"""
UNUSED_BY_ALL = ("asyncio", "numba", "scipy", "psutil", "cyclopts", "rich")
UNUSED_BY_CAMERA = ("scipy.interpolate", "scipy.optimize", "asyncio")
USED = {
    "camera": NUMERICS,  # it renders what it sees
    "focus": set(),
    "magnet": set(),
    "tracker-1": NUMERICS,
    "tracker": set(),
    "xy_lock": set(),
    "z_lock": set(),
    "force": set(),
    "recorder": {"pyarrow"},  # rows; tensorstore only where frames are recorded
    "runs": set(),
}


def loaded(pid: int) -> set[str]:
    """Return which of the heavy libraries are mapped into a process."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return {library for library in HEAVY if f"/{library}" in maps}


def memory_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_full_info().pss) / 2**20


def processes_of(rig: Rig) -> dict[str, int]:
    status = rig.status()
    return {"rig": status.pid, **{name: service.pid for name, service in status.services.items()}}


@pytest.mark.parametrize(
    ("code", "unused"),
    [
        ("import parfocal.processes.child, parfocal.devices.stage", UNUSED_BY_ALL),
        ("import parfocal.processes.child, parfocal.devices.simulated.picture", UNUSED_BY_CAMERA),
    ],
    ids=["any service", "camera"],
)
def test_a_process_imports_what_it_uses(code: str, unused: tuple[str, ...]) -> None:
    printing = f"{code}; import json, sys; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", printing], check=True, capture_output=True, timeout=100)
    assert not set(unused) & set(json.loads(done.stdout))


@pytest.fixture
def compiled() -> None:
    """Have the numerics compiled: a process that has to do it itself keeps 180 MB more."""
    warm_up = "from parfocal.tracking import warm_up; warm_up()"
    subprocess.run([sys.executable, "-c", warm_up], check=True, capture_output=True, timeout=600)


@pytest.mark.timeout(900)  # of it, up to some minutes for compiling
@pytest.mark.usefixtures("compiled")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_processes_of_the_tweezers_rig_load_what_they_use() -> None:
    with parfocal.open_rig("tweezers", detach=True) as rig:
        pids = processes_of(rig)
        assert {name: loaded(pid) for name, pid in pids.items()} == {"rig": set(), **USED}
        figures = {name: round(memory_mb(pid)) for name, pid in pids.items()}
        camera = rig.stream("camera")
        assert camera.status().slots * camera.spec.nbytes < FRAMES_MB * 1e6
        print(f"MB (PSS) {figures}, {sum(figures.values())} in all")
        assert sum(figures.values()) < MOST_MB
        rig.stop()
