"""Arguments of methods: fields of a dataclass, declared once; and the function a measurement waits with."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from parfocal.core.clock import SYSTEM_CLOCK

P = ParamSpec("P")
M = TypeVar("M")
S = TypeVar("S")
R = TypeVar("R")

Wait = Callable[[float], object]
"""Waits for some seconds; raises, at once, when the measurement is no longer wanted: so it is cancelled."""

uncancelled: Wait = SYSTEM_CLOCK.sleep


def takes(settings: Callable[P, S]) -> Callable[[Callable[[M, S], R]], Callable[Concatenate[M, P], R]]:
    """Make a method that is given settings as one object take their fields as arguments.

    The fields' description, the section "Attributes" of their dataclass, becomes that of the arguments.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class LampSettings:
    ...     power_w: float = 1.0
    >>> class Lamp:
    ...     @takes(LampSettings)
    ...     def setup(self, asked):
    ...         return asked.power_w
    >>> Lamp().setup(power_w=2.0)
    2.0
    """

    def mark(method: Callable[[M, S], R]) -> Callable[Concatenate[M, P], R]:
        @functools.wraps(method)
        def taking(self: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
            return method(self, settings(*args, **kwargs))

        taking.__doc__ = _described(method, settings)
        taking.__signature__ = _signature(method, settings)  # type: ignore[attr-defined]
        return taking

    return mark


def _signature(method: Callable[..., Any], settings: Callable[..., Any]) -> inspect.Signature:
    own = inspect.signature(method, eval_str=True)
    first = next(iter(own.parameters.values()))
    fields = inspect.signature(settings, eval_str=True).parameters.values()
    return own.replace(parameters=[first, *fields])


def _described(method: Callable[..., Any], settings: Callable[..., Any]) -> str:
    """Return the docstring of `method` with the fields of `settings` as its parameters."""
    _, _, fields = (inspect.getdoc(settings) or "").partition("Attributes\n----------\n")
    summary, heading, rest = (inspect.getdoc(method) or "").partition("\n\nRaises\n")
    return f"{summary}\n\nParameters\n----------\n{fields}{heading}{rest}"
