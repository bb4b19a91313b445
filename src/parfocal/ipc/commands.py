"""The decorator of commands: in which thread one runs, whether it changes the service, who may call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.text_values import ALL, Kind

MAIN = "main"
"""The lane of commands that name none."""
RECEIVER = "receiver"
"""For commands that the receiver thread runs itself, between two messages: no other thread is woken, but all
clients wait meanwhile. Only for what takes some microseconds and waits for nothing: no hardware, no file, no
lock that others hold for long."""
URGENT = "urgent"
"""For commands that overtake everything, such as stop: each has a lane of its own and waits for no other."""
BUILT_IN = frozenset({"ping", "hello", "commands", "check_call", "cancel", "attach"})
"""Answered by the server itself, whatever its lanes are doing."""
RESERVED = BUILT_IN | {"submit", "attach_call", "lease", "claim"}
"""What clients and proxies have as methods of their own."""
OPTIONS = frozenset({"timeout_s", "lease_s", "returns", "force"})
"""What clients take beside the arguments of a command."""

Effect = Literal["reads", "changes", "stops"]
"""What a command does to its service: leave it as it is, change it, or bring it to a stop or a safe state."""
OnClientLoss = Literal["cancel", "finish"]
F = TypeVar("F", bound=Callable[..., Any])


class ParameterInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter as a listing shows it.

    Attributes
    ----------
    default : str
        Its text; "" if the parameter is required.
    kinds : tuple of str
        Which values it takes: of these, text from a command line is read as one.
    """

    name: str
    type: str
    required: bool
    default: str = ""
    by_name_only: bool = False
    kinds: tuple[Kind, ...] = tuple(sorted(ALL))


class CommandInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A command as a listing shows it.

    Attributes
    ----------
    name, summary, doc : str
        What it is called, and what it does: the first line of its docstring, and all of it.
    lane : str
        Its lane; ``"{module}"`` stands for the lane that its argument `module` names, "receiver" for none:
        the receiver thread runs it at once.
    effect : str
        "reads", "changes" or "stops": it leaves the service as it is, changes it, or makes it stop or safe.
    parameters : tuple of ParameterInfo
        What it takes.
    returns, result : str
        Text of the declared result; and what clients convert it to, if it is or holds a dataclass or a
        struct: see `parfocal.ipc.results.result_name`.
    script : bool
        Whether scripts may use it.
    on_client_loss : str
        "cancel" or "finish".
    """

    name: str
    lane: str
    effect: Effect
    parameters: tuple[ParameterInfo, ...]
    returns: str
    summary: str
    script: bool
    on_client_loss: OnClientLoss
    result: str = ""
    doc: str = ""


@dataclass(frozen=True)
class Declaration:
    """What `command` was given; kept on the method as ``__command__``."""

    lane: str
    effect: Effect
    script: bool
    name: str
    on_client_loss: OnClientLoss


def command(
    *,
    lane: str = MAIN,
    effect: Effect = "changes",
    script: bool = True,
    name: str = "",
    on_client_loss: OnClientLoss = "cancel",
) -> Callable[[F], F]:
    """Make a method a command of its service. Everything is declared; nothing is found out while it runs.

    Parameters
    ----------
    lane : str
        Commands of one lane run one after the other, in a thread of that lane's own; lanes run at once.
        ``"{channel}"`` gives each value of the parameter `channel`, a ``Literal``, a lane of its own.
        `URGENT` is for commands that wait for no other, `RECEIVER` for those so short that the receiver
        thread runs them.
    effect : "reads", "changes" or "stops"
        What it does to the service: leave it as it is, change it, or bring it to a stop or a safe state.
        Reading and stopping are always allowed; changing is refused while a run claims the service.
    script : bool
        Whether scripts may use it.
    name : str
        Its name to clients; the method's by default.
    on_client_loss : "cancel" or "finish"
        What becomes of a queued or running call when all clients that wait for it are gone.

    Raises
    ------
    BadInputError
        If `effect` or `on_client_loss` is none of those.
    """
    if effect not in get_args(Effect):
        raise BadInputError(f"effect of a command is 'reads', 'changes' or 'stops', not {effect!r}")
    if on_client_loss not in get_args(OnClientLoss):
        raise BadInputError(f"on_client_loss of a command is 'cancel' or 'finish', not {on_client_loss!r}")

    def mark(method: F) -> F:
        marked: Any = method
        marked.__command__ = Declaration(lane, effect, script, name or method.__name__, on_client_loss)
        return method

    return mark
