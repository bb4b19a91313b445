"""A service as an object: its commands are its methods."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from parfocal.ipc.results import Declared

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.messages import Hello
    from parfocal.ipc.call import Call
    from parfocal.ipc.client import Client
    from parfocal.ipc.commands import CommandInfo


class ServiceProxy:
    """Calls the commands of a service as methods: ``camera.set_exposure_ms(2.0)``.

    A result whose command declares a dataclass or a struct arrives as one.

    Parameters
    ----------
    client : Client
        Carries the calls; closed by whoever made it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, command: str) -> Callable[..., Any]:
        if command.startswith("_"):
            raise AttributeError(command)
        return partial(self._client.call, command, returns=Declared)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(info.name for info in self._client.commands())]

    def __repr__(self) -> str:
        return f"<ServiceProxy of {self._client.service!r}>"

    def submit(self, command: str, /, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Call:
        """Ask for a command and return at once: see `Client.submit`."""
        return self._client.submit(command, *args, timeout_s=timeout_s, returns=Declared, **kwargs)

    def attach_call(self, id: str) -> Call:
        """Return a call that was made before, by any program, to get its progress and result."""
        return self._client.attach_call(id, returns=Declared)

    def commands(self) -> tuple[CommandInfo, ...]:
        """Return what the service can be asked."""
        return self._client.commands()

    def hello(self) -> Hello:
        """Return who serves, and what it says of itself."""
        return self._client.hello()

    def ping(self) -> float:
        """Return how long the service takes to answer, seconds."""
        return self._client.ping()
