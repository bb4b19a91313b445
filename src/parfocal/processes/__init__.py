"""Lifetimes: services in processes of their own, the supervisor that starts and ends them, who runs where."""

from parfocal.processes import directory
from parfocal.processes.service import LOOP, Service, ServiceContext
from parfocal.processes.spec import RestartPolicy, ServiceSpec
from parfocal.processes.supervisor import Supervisor

__all__ = [
    "LOOP",
    "RestartPolicy",
    "Service",
    "ServiceContext",
    "ServiceSpec",
    "Supervisor",
    "directory",
]
