"""The coordinator's connection to its workers: each gets all assignments, the first that lives commands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parfocal.analysis.beads.assignment import assignment_path
from parfocal.core.errors import CommandError, CommandFailedError, ServiceUnavailableError
from parfocal.ipc import current_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from parfocal.analysis.beads.assignment import Assignment
    from parfocal.ipc import Call
    from parfocal.processes import ServiceContext

_REFRESH_S = 0.8
_GIVE_BACK_S = 10.0
_LOOK_S = 0.05


class Workers:
    """The workers of a tracker. Any thread.

    Parameters
    ----------
    context : ServiceContext
        Of the coordinator.
    count : int
        How many workers; they have the coordinator's name, with -1, -2 ... behind.

    Attributes
    ----------
    names : tuple of str
        Their services, in the order of their index.
    """

    def __init__(self, context: ServiceContext, count: int) -> None:
        self.names = tuple(f"{context.service}-{n + 1}" for n in range(count))
        self._context = context
        self._clients = [context.connect(name) for name in self.names]

    def assign(self, assignment: Assignment) -> Callable[[], None]:
        """Write the assignment, and tell the workers to go by it; return what waits until they do.

        One that doesn't answer in time is named in the log; a dead one will go by it when it is back.
        """
        context = self._context
        assignment.save(assignment_path(context.streams, context.service))
        calls = [client.submit("refresh", timeout_s=_REFRESH_S) for client in self._clients]
        for call in calls:
            call.add_done_callback(self._note)
        context.publish("rois", assignment.rois)
        return lambda: _wait_for(calls)

    def ask(self, name: str, *args: Any) -> Any:
        """Return what the first worker that is there answers; passes on its progress, and the wish to end.

        What the worker raises on purpose is raised here as if there were no worker in between.
        """
        call, asked = current_call(), self._submit(name, *args)
        asked.on_progress(lambda progress: call.progress(progress.fraction, progress.text, progress.data))
        try:
            while not asked.done():
                call.wait(_LOOK_S)
        except BaseException as error:
            with suppress(CommandError):
                asked.cancel(str(error))
                asked.exception(_GIVE_BACK_S)
            raise
        try:
            return asked.result()
        except CommandFailedError as error:
            if error.original is None:
                raise
            raise error.original from error

    def _note(self, call: Call) -> None:
        if error := call.exception():
            self._context.log.warning("%s has not taken up the regions yet: %s", call.service, error)

    def _submit(self, name: str, *args: Any) -> Call:
        for client in self._clients:
            try:
                client.ping()
            except CommandError:
                continue
            return client.submit(name, *args)
        tracker = self._context.service
        raise ServiceUnavailableError(f"no worker of {tracker!r} is there", service=tracker)


def _wait_for(calls: Iterable[Call]) -> None:
    for call in calls:
        call.exception()
