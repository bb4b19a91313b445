"""The services that a script holds: claimed for its run, and shared with the runs that it starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from parfocal.core.errors import CommandError
from parfocal.runs.instruments.shared_instruments import SharedInstruments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.messages import Interference
    from parfocal.ipc import Claim, Client


class ScriptClaims:
    """The claims of one script. One thread at a time claims and releases.

    Parameters
    ----------
    run : str
        Its run.
    connect : callable
        Returns a client of a service.
    check_free : callable
        Raises `ClaimedError` if another run holds one of some services; its own runs do not count.
    by_force : bool
        Whether nothing is claimed: services are used although others hold them.

    Attributes
    ----------
    use : SharedInstruments
        What the runs that it starts share with it.
    """

    def __init__(
        self,
        run: str,
        connect: Callable[[str], Client],
        check_free: Callable[[Iterable[str]], None],
        *,
        by_force: bool = False,
    ) -> None:
        self._run, self._connect, self._check_free = run, connect, check_free
        self._by_force = by_force
        self._claims: dict[str, tuple[Client, Claim | None]] = {}
        self._hearing = threading.Lock()  # of the two below
        self._heard: Callable[[str, Interference], None] | None = None
        self._unheard: list[tuple[str, Interference]] = []
        self.use = SharedInstruments()

    @property
    def names(self) -> tuple[str, ...]:
        """The services that it holds."""
        return tuple(self._claims)

    def listen(self, heard: Callable[[str, Interference], None]) -> None:
        """Have `heard` called with service and `Interference`, in any thread: what others stop or force.

        It hears what came before, too: services are held before there is a run that could be told.
        """
        with self._hearing:
            self._heard, unheard = heard, tuple(self._unheard)
        for service, what in unheard:
            heard(service, what)

    def claim(self, service: str) -> bool:
        """Hold a service; return whether it stays held until the end of the script.

        One that a run of the script holds is held for as long as that run lasts.

        Raises
        ------
        ClaimedError
            If another run holds it; names the run.
        CommandError
            If the service does not answer.
        """
        if service in self._claims:
            return True
        with self.use.claiming:
            if service in self.use.held:
                return False
            if not self._by_force:
                self._check_free((service,))
            client = self._connect(service)
            try:
                claim = None if self._by_force else client.claim(self._run, partial(self._hear, service))
            except BaseException:
                client.close()
                raise
            self._claims[service] = client, claim
            self.use.held.add(service)
            return True

    def release(self) -> None:
        """Let go of everything; a service that is not there has no claim."""
        while self._claims:
            service, (client, claim) = self._claims.popitem()
            with self.use.claiming:
                self.use.held.discard(service)
                with suppress(CommandError):
                    if claim is not None:
                        claim.release()
            client.close()

    def _hear(self, service: str, what: Interference) -> None:
        with self._hearing:
            heard = self._heard
            if heard is None:
                self._unheard.append((service, what))
        if heard is not None:
            heard(service, what)
