"""Rigs with a simulated microscope and a tracker, which end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from parfocal.ipc import Client
from parfocal.processes import ServiceSpec, Supervisor

COMPILES_WITHIN_S = 110.0
FIELD = {
    "width_px": 320, "height_px": 320, "beads": 4, "stuck": 0.5, "image_px": 64, "spacing_px": 100.0,
    "dust": 0, "depth_nm": 1500.0, "seed": 3,
}  # fmt: skip

PATIENT = {"late_after_s": 60.0}  # a worker that is slow for a moment loses no frame


class Rig(Supervisor):
    """Keeps one client for each service."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.clients: dict[str, Client] = {}

    def client(self, service: str) -> Client:
        """Return the client of a service; it is closed with the rig."""
        if service not in self.clients:
            self.clients[service] = super().client(service)
        return self.clients[service]

    def stop(self) -> None:
        """Close the clients, and stop."""
        for client in self.clients.values():
            client.close()
        super().stop()


def tracker_specs(workers: int, tracker: dict[str, Any], worker: dict[str, Any]) -> list[ServiceSpec]:
    names = [f"tracker-{n + 1}" for n in range(workers)]
    coordinator = ServiceSpec(
        name="tracker",
        factory="parfocal.analysis.beads.tracker:TrackerService",
        settings={"workers": workers, "read_noise_e": 8.0, "offset_adu": 2.0, **PATIENT, **tracker},
        depends_on=("camera", *names),
        start_timeout_s=COMPILES_WITHIN_S,
    )
    return [
        coordinator,
        *(
            ServiceSpec(
                name=name,
                factory="parfocal.analysis.beads.worker:TrackerWorker",
                settings={"index": index, "workers": workers, **worker},
                depends_on=("camera",),
                start_timeout_s=COMPILES_WITHIN_S,
            )
            for index, name in enumerate(names)
        ),
    ]


@contextmanager
def started_rigs() -> Iterator[Callable[..., Rig]]:
    """Lend what starts ``rig(camera={...}, workers=2)``: camera, focus, tracker and its workers."""
    running: list[Rig] = []

    def start(
        camera: dict[str, Any] | None = None,
        workers: int = 1,
        tracker: dict[str, Any] | None = None,
        worker: dict[str, Any] | None = None,
        **host: Any,
    ) -> Rig:
        device = {
            "device": "simulated-camera",
            "options": {**FIELD, **(camera or {})},
            "truth": "truth",
            **host,
        }
        specs = [
            ServiceSpec(
                name="camera",
                factory="parfocal.devices.camera:CameraHost",
                settings=device,
                start_timeout_s=COMPILES_WITHIN_S,
            ),
            ServiceSpec(
                name="focus",
                factory="parfocal.devices.stage:StageHost",
                settings={"device": "simulated-focus"},
            ),
            *tracker_specs(workers, tracker or {}, worker or {}),
        ]
        made = Rig("bench", specs)
        running.append(made)
        made.start()
        return made

    yield start
    for made in running:
        made.stop()


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    """Start rigs for a test: see `started_rigs`."""
    with started_rigs() as start:
        yield start


@pytest.fixture(scope="module")
def shared_rig(shared_roots: tuple[Path, Path]) -> Iterator[Rig]:
    """One rig for all tests of a module."""
    with started_rigs() as start:
        yield start()
