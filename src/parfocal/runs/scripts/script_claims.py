"""The services that a script holds: claimed for its run, and shared with the runs that it starts."""

from __future__ import annotations

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
    """The claims of one script. One thread at a time.

    Parameters
    ----------
    run : str
        Its run.
    connect : callable
        Returns a client of a service.
    check_free : callable
        Raises `ClaimedError` if another run holds one of some services; its own runs do not count.
    heard : callable
        Takes service and `Interference`: what others stop or force of what is held. Any thread.
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
        heard: Callable[[str, Interference], None],
        *,
        by_force: bool = False,
    ) -> None:
        self._run, self._connect, self._check_free, self._heard = run, connect, check_free, heard
        self._by_force = by_force
        self._claims: dict[str, tuple[Client, Claim | None]] = {}
        self.use = SharedInstruments()

    @property
    def names(self) -> tuple[str, ...]:
        """The services that it holds."""
        return tuple(self._claims)

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
        if service in self.use.held:
            return False
        if not self._by_force:
            self._check_free((service,))
        client = self._connect(service)
        try:
            claim = None if self._by_force else client.claim(self._run, partial(self._heard, service))
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
            self.use.held.discard(service)
            with suppress(CommandError):
                if claim is not None:
                    claim.release()
            client.close()
