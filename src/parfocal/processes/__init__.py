"""Lifetimes: services in processes of their own, the supervisor that starts and ends them, who runs where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.processes import directory
from parfocal.processes.service import HANGS, LOOP, RIG_GONE, FixedSettings, Service, ServiceContext
from parfocal.processes.spec import RestartPolicy, ServiceSpec

if TYPE_CHECKING:
    from parfocal.processes.supervisor import Supervisor

__all__ = [
    "LOOP",
    "HANGS",
    "RIG_GONE",
    "FixedSettings",
    "RestartPolicy",
    "Service",
    "ServiceContext",
    "ServiceSpec",
    "Supervisor",
    "directory",
]


def __getattr__(name: str) -> Any:
    if name == "Supervisor":  # every service's process imports this package, and none of them needs it
        from parfocal.processes.supervisor import Supervisor

        return Supervisor
    raise AttributeError(f"module 'parfocal.processes' has no attribute {name!r}")
