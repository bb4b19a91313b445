"""Light goes out when whoever switched it on is killed or stands still.

The lamp itself is simulated in a world that its host does not own: it shines on when the host is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.devices.context import DeviceContext
from parfocal.devices.simulated.world import World
from parfocal.rig.rig import Rig

PATIENCE_S = 60.0
NOISE_S = 20.0  # of a loaded machine; nothing else makes it dark here before 30 s, or ever
COMMANDER = """
import sys
import zmq
from pathlib import Path
from parfocal.core.messages import Alive, Beat, Command, Lease, Reply, ToClient
from parfocal.ipc import command_endpoint
from parfocal.ipc.codec import Decoder, encode
socket = zmq.Context().socket(zmq.DEALER)
socket.connect(command_endpoint(Path(sys.argv[1]), "lamp"))
socket.send_multipart(encode(Lease("lease", "", int(float(sys.argv[2]) * 1e9))))
socket.send_multipart(encode(Command("on", "set_power", named={"fraction": 1.0})))
decoder = Decoder(ToClient)
while True:
    match decoder.decode(socket.recv_multipart()):
        case Beat():
            socket.send_multipart(encode(Alive()))
        case Reply() as reply:
            print(reply.id, reply.error, flush=True)
"""
LAB: dict[str, Any] = {
    "name": "dark",
    "services": {
        "lamp": {
            "kind": "light",
            "settings": {"device": "simulated-light"},
            "safe_when_lost": ["pilot"],
            "policy": "degrade",
        },
        "pilot": {"kind": "parfocal.testing.services:Counter", "policy": "degrade"},
    },
}


@pytest.fixture
def rig() -> Iterator[Rig]:
    with parfocal.open_rig(LAB) as rig:
        yield rig


def is_dark(rig: Rig) -> bool:
    world = World.of(DeviceContext(folder=rig._connection.streams))
    return world.position("light", SYSTEM_CLOCK.monotonic_ns(), 1.0) == 0.0


def seconds_until_dark(rig: Rig) -> float:
    began_ns = SYSTEM_CLOCK.monotonic_ns()
    assert poll_until(lambda: is_dark(rig), PATIENCE_S)
    return (SYSTEM_CLOCK.monotonic_ns() - began_ns) / 1e9


@pytest.mark.parametrize(
    ("number", "period_s", "within_s"), [(signal.SIGKILL, 30.0, 1.0), (signal.SIGSTOP, 3.0, 3.0)]
)
def test_light_that_a_client_leased_goes_out_with_it(rig, number, period_s, within_s) -> None:
    command = [sys.executable, "-c", COMMANDER, str(rig._connection.folder), str(period_s)]
    commander = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with commander:
        assert commander.stdout is not None
        assert [commander.stdout.readline() for _ in range(2)] == ["lease None\n", "on None\n"]
        try:
            SYSTEM_CLOCK.sleep(2 * period_s if number == signal.SIGSTOP else 0.0)
            assert not is_dark(rig), "who answers keeps its light"
            commander.send_signal(number)
            assert seconds_until_dark(rig) < within_s + NOISE_S
        finally:
            commander.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_light_goes_out_with_the_service_that_steers_it(rig, number) -> None:
    rig["lamp"].set_power(1.0)
    assert not is_dark(rig)
    os.kill(rig.status().services["pilot"].pid, number)
    assert seconds_until_dark(rig) < 1.0 + NOISE_S


def test_who_leases_a_light_is_told_that_it_went_out_for_the_loss_of_another_service(rig) -> None:
    with rig["lamp"].lease() as lease:
        rig["lamp"].set_power(1.0)
        os.kill(rig.status().services["pilot"].pid, signal.SIGKILL)
        assert poll_until(lambda: lease.lost, PATIENCE_S)
        assert lease.lost == "service 'pilot' is lost"
        assert is_dark(rig), "before it is told"


def test_a_host_that_is_killed_leaves_the_light_on_until_it_is_back(rig) -> None:
    rig["lamp"].set_power(1.0)
    os.kill(rig.status().services["lamp"].pid, signal.SIGKILL)
    assert poll_until(lambda: rig.status().services["lamp"].state == "degraded", PATIENCE_S)
    assert not is_dark(rig), "the world is not the host's: what follows can fail"
    rig.restart("lamp")
    assert is_dark(rig)
