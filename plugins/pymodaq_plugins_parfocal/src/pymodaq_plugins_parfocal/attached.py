"""The controller that plugins share: a client of the board in a running rig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import parfocal

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.messages import Notice
    from parfocal.ipc import Call, Subscription


class AttachedBoard:
    """A service of a rig that some other process runs; any thread, and any number of plugins, may use it.

    Parameters
    ----------
    rig : str
        Name of the rig, one of those that ``parfocal rigs`` lists.
    service : str
        Name of the board's service in it.

    Raises
    ------
    ParfocalError
        If there is no such rig, or no such service in it; names those there are.

    Notes
    -----
    When the service dies, its calls fail at once; when it is back, the next call finds it.
    """

    def __init__(self, rig: str, service: str) -> None:
        self._rig = parfocal.attach(rig)
        try:
            self._proxy = self._rig[service]
        except BaseException:
            self._rig.close()
            raise

    def submit(self, command: str, *, timeout_s: float | None = None, **arguments: Any) -> Call:
        """Ask for a command and return at once."""
        return self._proxy.submit(command, timeout_s=timeout_s, **arguments)

    def listen(self, topics: tuple[str, ...], callback: Callable[[Notice], None]) -> Subscription:
        """Have `callback` called, in a thread of its own, with each notice of some modules."""
        return self._rig.subscribe(callback, topics)

    def close(self) -> None:
        """Let go; the rig runs on. Idempotent."""
        self._rig.close()
