"""Processors are kept awake by who may do so; who may not is told before anything starts."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from parfocal.core.errors import ConfigError
from parfocal.processes import awake
from parfocal.processes.standalone import find_service, start_service

needs_permission = pytest.mark.skipif(
    bool(awake.why_not_awake()), reason=f"processors are not kept awake here: {awake.why_not_awake()}"
)
AS_NOBODY = """
from parfocal.processes import ServiceSpec, Supervisor
from parfocal.processes.awake import keep_awake
from parfocal.core.errors import ConfigError

rig = Supervisor("nobodys", [ServiceSpec(name="runs", factory="lab:Runs", keep_awake=True)])
for attempt in (rig.start, lambda: keep_awake("runs")):
    try:
        attempt()
    except ConfigError as error:
        print(error)
print(rig.status().state)
"""


@pytest.fixture
def none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What this system has not."""
    monkeypatch.setattr(awake, "DEVICE", tmp_path / "none")
    return tmp_path / "none"


def longest_delay_us() -> int:
    """Return what the system goes by now: the least that any program has asked for."""
    with open(awake.DEVICE, "rb", buffering=0) as device:
        (found,) = struct.unpack("i", device.read(4))
    return int(found)


@needs_permission
def test_no_delay_is_asked_for_until_the_last_one_lets_go() -> None:
    with awake.keep_awake("runs"):
        with awake.keep_awake("runs"):
            pass
        assert longest_delay_us() == 0


@pytest.mark.skipif(
    not awake.DEVICE.exists() or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can be another user, and only where there is such a device",
)
def test_another_user_is_refused_with_what_to_do(rig_roots) -> None:
    found = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], user="nobody", capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    first, second, state = found.stdout.splitlines()
    told = "runs.keep_awake: this user may not open /dev/cpu_dma_latency (Permission denied); allow it with"
    assert first.startswith(told)
    assert 'KERNEL=="cpu_dma_latency", GROUP="lab"' in first
    assert first.endswith("or leave it out")
    assert (second, state) == (first, "stopped")


def test_a_system_that_has_none_is_told_and_given_no_remedy_that_is_none(make_rig, spec, none: Path) -> None:
    rig, _ = make_rig(spec("quick", keep_awake=True), spec("slow"))
    with pytest.raises(ConfigError) as refused:
        rig.start()
    assert str(refused.value) == f"quick.keep_awake: this system has no {none}; leave it out"
    assert rig.status().state == "stopped"


@pytest.mark.usefixtures("none")
def test_a_service_that_is_added_is_told_so_too(make_rig, spec) -> None:
    rig, _ = make_rig(spec("slow"))
    with rig:
        with pytest.raises(ConfigError, match=r"quick\.keep_awake"):
            rig.add(spec("quick", keep_awake=True))
        assert set(rig.status().services) == {"slow"}


@pytest.mark.usefixtures("none")
def test_a_service_without_a_rig_is_told_so_too(spec) -> None:
    with pytest.raises(ConfigError, match=r"quick\.keep_awake"):
        start_service(spec("quick", keep_awake=True))
    assert find_service("quick") is None
