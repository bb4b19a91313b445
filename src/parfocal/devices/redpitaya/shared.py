"""A board that many clients share: changes are remembered and published, outputs can be switched off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from parfocal.core.errors import UnconfirmedWriteError
from parfocal.devices.redpitaya.fairlock import FairLock

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.declared import DeclaredSettings
    from parfocal.devices.redpitaya.redpitaya import RedPitaya

AsgName = Literal["asg0", "asg1"]
PidName = Literal["pid0", "pid1", "pid2"]
IqName = Literal["iq0", "iq1", "iq2"]
OutputName = Literal[AsgName, PidName, IqName, "slow", "hk"]
ModuleName = Literal[OutputName, "scope"]

T = TypeVar("T")
Publish = Callable[[str, dict[str, Any]], None]


class SharedBoard:
    """The modules of a board by name, and what is known of them without asking the board.

    Parameters
    ----------
    pitaya : RedPitaya
        The board.
    declared : DeclaredSettings
        Keeps what it is meant to be set to.
    publish : callable
        Given the module's name and its new settings after each change.

    Attributes
    ----------
    scope_lock : FairLock
        Held by who takes a trace, or sets the scope up.
    scope_has : dict
        What the scope was set to by the last trace; empty if that is not known.
    """

    def __init__(self, pitaya: RedPitaya, declared: DeclaredSettings, publish: Publish) -> None:
        self.pitaya = pitaya
        self.declared = declared
        self.scope_lock = FairLock()
        self.scope_has: dict[str, Any] = {}
        self._publish = publish
        self.modules = pitaya.modules
        self._locks = {name: threading.RLock() for name in self.modules}
        self._still_on: set[str] = set()
        self._states: dict[str, dict[str, Any]] = {name: {} for name in self.modules}

    def change(
        self, name: str, settings: Mapping[str, Any], act: Callable[[], T], *, replace: bool = False
    ) -> T:
        """Do what changes a module; then remember the settings, and publish what the board made of them.

        Parameters
        ----------
        name : str
            The module.
        settings : mapping
            What was asked for; None for what stays as it is.
        act : callable
            Does it; returns the module's state, or the read-back value of the one setting.
        replace : bool
            What was declared before is over.
        """
        given = {key: value for key, value in settings.items() if value is not None}
        with self._locks[name]:
            self._silence_if_due(name)
            result = act()
            self.declared.update(name, given, replace=replace)
            self.note(name, _seen(given, result))
        return result

    def note(self, name: str, seen: Mapping[str, Any]) -> None:
        """Publish what a module is set to, if that is news."""
        state = self._states[name]
        news = {key: value for key, value in seen.items() if key not in state or state[key] != value}
        if news:
            state.update(news)
            self._publish(name, news)

    def silence(self, name: str) -> None:
        """Bring a module's output to its safe value, at once; then again, when no change is under way.

        If the board is out of reach, it is done when the board is back.
        """
        self._silence_at_once([name], self.modules[name].off)

    def silence_all(self) -> None:
        """Do as `silence` to every output, all of them at once first."""
        self._silence_at_once([name for name in self.modules if name != "scope"], self.make_safe)

    def finish_silence(self) -> None:
        """Silence what could not be silenced when it should have been."""
        for name in sorted(self._still_on):
            self._silence_if_due(name)

    @contextmanager
    def leased(self, name: str) -> Iterator[None]:
        """Keep a module's output for the length of the ``with`` block; it is silent afterwards."""
        with self.declared.leased(name):
            try:
                yield
            finally:
                self.silence(name)

    def make_safe(self) -> None:
        """Stop the scope and bring every output to 0 V; raises at once if the board is out of reach."""
        try:
            self.pitaya.scope.stop()
        except UnconfirmedWriteError:
            self.pitaya.scope.tick()  # if the board answers, outputs go off though the scope may go on
        self.scope_has.clear()
        self.pitaya.make_safe()

    def restore(self) -> None:
        """Set every module as it was declared. A burst is not played again: nobody asked for a second one."""
        for name in self.declared.modules():
            with self._locks[name]:
                settings = self.declared.of(name)  # or what was silenced since would be set again
                if settings.get("cycles_per_burst"):
                    self.declared.forget(name)
                elif settings:
                    given = name == "scope"  # with each trace
                    restored = settings if given else self.modules[name].restore(**settings)
                    self.note(name, _seen(settings, restored))

    def state(self, name: str) -> dict[str, Any]:
        """Return what a module is known to be set to, without asking the board."""
        return dict(self._states[name])

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what every module is known to be set to, without asking the board."""
        return {name: self.state(name) for name in self._states}

    def _silence_at_once(self, names: list[str], act: Callable[[], None]) -> None:
        self._still_on.update(names)
        for name in names:
            self.declared.forget(name)
        act()
        for name in names:
            self._silence(name)

    def _silence_if_due(self, name: str) -> None:
        with self._locks[name]:
            if name in self._still_on:
                self._silence(name)

    def _silence(self, name: str) -> None:
        with self._locks[name]:
            self._still_on.add(name)  # until it is known to be off
            self.modules[name].off()
            self.declared.forget(name)
            self._still_on.discard(name)
            self._states[name].clear()
            self._publish(name, {"on": False})


def _seen(given: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """Return the settings as the board has them: a whole state, or the one value that was set."""
    if is_dataclass(result) and not isinstance(result, type):
        return asdict(result)
    if isinstance(result, dict):
        return result
    if len(given) == 1 and result is not None:
        return dict.fromkeys(given, result)
    return dict(given)
