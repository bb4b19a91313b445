"""Services that are added and removed while the rig runs, and the callers who wait for that."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, ProcessError
from parfocal.processes import lifecycle
from parfocal.processes.spec import ServiceSpec, levels

if TYPE_CHECKING:
    from parfocal.processes.supervised import SupervisedService
    from parfocal.processes.supervision import Supervision


class Changes:
    """Adds and removes services. Everything here belongs to the supervisor's thread.

    Parameters
    ----------
    supervision : Supervision
        Whose services they are.
    make : callable
        Makes a supervised service of a spec, without a process.
    live : callable
        Lets an event happen to a service.
    """

    def __init__(
        self,
        supervision: Supervision,
        make: Callable[[ServiceSpec], SupervisedService],
        live: Callable[[SupervisedService, lifecycle.Event], None],
    ) -> None:
        self._supervision = supervision
        self._make = make
        self._live = live
        self._adding: dict[str, Future[None]] = {}
        self._removing: dict[str, Future[None]] = {}

    def add(self, spec: ServiceSpec, added: Future[None]) -> None:
        """Start one more service; `added` is answered when it is ready, or gone again."""
        services = self._supervision.services
        try:
            if self._supervision.stopping:
                raise ProcessError(f"the rig is on its way out, so service {spec.name!r} is not started")
            levels([*(service.spec for service in services.values()), spec])
        except (ProcessError, BadInputError) as error:
            added.set_exception(error)
            return
        service = self._make(spec)
        self._adding[spec.name] = added
        self._supervision.replace_services({**services, spec.name: service})
        self._live(service, lifecycle.Start())

    def remove(self, name: str, removed: Future[None]) -> None:
        """End a service; `removed` is answered when it has ended and is forgotten."""
        services = self._supervision.services
        needed_by = [other for other, each in services.items() if name in each.spec.depends_on]
        if name not in services or name in self._removing:
            removed.set_exception(BadInputError(f"there is no service {name!r} any more"))
        elif needed_by:
            removed.set_exception(BadInputError(f"{needed_by} depend on service {name!r}; remove them first"))
        else:
            self._removing[name] = removed
            self._live(services[name], lifecycle.Stop())

    def settle(self, service: SupervisedService) -> None:
        """Answer who waits for this service, once that is decided."""
        name = service.spec.name
        if name in self._adding and service.life.state == "ready":
            self._adding.pop(name).set_result(None)
        if service.life.has_process or not (name in self._adding or name in self._removing):
            return
        error = service.start_error()
        self._forget(service)
        if name in self._adding:
            self._adding.pop(name).set_exception(error)
        if name in self._removing:
            self._removing.pop(name).set_result(None)

    def give_up(self, error: ProcessError) -> None:
        """Answer everybody who still waits: the rig has ended."""
        for waiting in (*self._adding.values(), *self._removing.values()):
            waiting.set_exception(error)

    def _forget(self, service: SupervisedService) -> None:
        services = self._supervision.services
        service.remove_files()
        self._supervision.replace_services({n: each for n, each in services.items() if each is not service})
