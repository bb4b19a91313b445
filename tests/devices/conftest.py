"""Rigs of device hosts that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from parfocal.ipc import Client
from parfocal.processes import ServiceSpec, Supervisor

COMPILES_WITHIN_S = 110.0
HOSTS = {
    "camera": "parfocal.devices.camera:CameraHost",
    "focus": "parfocal.devices.stage:StageHost",
    "magnet": "parfocal.devices.stage:StageHost",
    "lamp": "parfocal.devices.light:LightHost",
}


class Rig(Supervisor):
    """Keeps one client for each service."""

    def client(self, service: str) -> Client:
        """Return the client of a service; it is closed with the rig."""
        kept: dict[str, Client] = self.__dict__.setdefault("kept", {})
        if service not in kept:
            kept[service] = super().client(service)
        return kept[service]

    def stop(self) -> None:
        """Close the clients, and stop."""
        for client in self.__dict__.get("kept", {}).values():
            client.close()
        super().stop()


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    """Start a rig of hosts: ``rig(camera={...}, focus={...})``, settings of each."""
    running: list[Rig] = []

    def start(**hosts: dict[str, object]) -> Rig:
        specs = [
            ServiceSpec(name=name, factory=HOSTS[name], settings=it, start_timeout_s=COMPILES_WITHIN_S)
            for name, it in hosts.items()
        ]
        supervisor = Rig("bench", specs)
        running.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in running:
        supervisor.stop()
