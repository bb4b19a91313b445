"""What an event has a service do. Plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import MOST_S, number


class ServiceCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command of a service, and how a run deals with it.

    Attributes
    ----------
    service, command : str
        Whom, and what.
    arguments : dict
        By name, plain data.
    uses : tuple of str
        Further services that are claimed for it.
    exposing : bool
        Whether the camera exposes freely as long as it lasts.
    pause, resume : str
        Commands that hold it and let it go on; "" if it can't be held.
    timeout_s : float or None
        How long it may take; None: without limit.
    stop_s : float
        How long it may take to end once it is cancelled.
    expected_s : float
        How long it is expected to take; 0 if nobody knows. For forecasts alone.
    may_repeat : bool
        Whether a run that is recovered carries it out again when nobody knows how far it came.

    Examples
    --------
    >>> ServiceCall(service="focus", command="move_to", arguments={"position_nm": 5.0}).name
    'focus.move_to'
    """

    service: str
    command: str
    arguments: dict[str, Any] = {}
    uses: tuple[str, ...] = ()
    exposing: bool = False
    pause: str = ""
    resume: str = ""
    timeout_s: float | None = None
    stop_s: float = 10.0
    expected_s: float = 0.0
    may_repeat: bool = False

    def __post_init__(self) -> None:
        if not self.service or not self.command:
            raise BadInputError(f"a call needs a service and a command, not {self.name!r}")
        if self.can_pause != bool(self.resume):
            raise BadInputError(f"{self.name}: what can be paused names two commands, pause and resume")
        number(self.stop_s, "stop_s", above=0, most=MOST_S)
        number(self.expected_s, "expected_s", least=0, most=MOST_S)
        if self.timeout_s is not None:
            number(self.timeout_s, "timeout_s", above=0, most=MOST_S)

    @property
    def name(self) -> str:
        """Whom and what, in a word."""
        return f"{self.service}.{self.command}"

    @property
    def can_pause(self) -> bool:
        """Whether it can be held."""
        return bool(self.pause)

    @property
    def services(self) -> tuple[str, ...]:
        """Which services are claimed for it."""
        return tuple(dict.fromkeys((self.service, *self.uses)))
