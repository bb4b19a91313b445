"""Makes commands out of the methods of a board's modules.

A command has the arguments, types, defaults and docstring of the method that it calls. Only `wait` and
`timeout_s` are not among them: any call can be cancelled, and given a deadline. Whoever calls one gives all
arguments by name, as the server does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, get_args

from parfocal.ipc import Effect, command

F = TypeVar("F", bound=Callable[..., Any])

_OF_ANY_CALL = ("wait", "timeout_s")


@dataclass(frozen=True)
class Modules:
    """Equal modules of a board, one of which each command has an argument for; or a single module.

    Attributes
    ----------
    names : a ``Literal``
        What the modules are called; the first one is the default.
    lane : str
        Of their commands.
    argument : str
        What the argument is called, such as "pid"; "" for a single module.

    Examples
    --------
    ::

        class PidCommands:
            board: SharedBoard
            pid_configure = Modules(PidName, "{pid}", "pid").changing(Pid.configure)
    """

    names: Any
    lane: str
    argument: str = ""

    @property
    def default(self) -> str:
        """The module that is meant if none is named."""
        return str(get_args(self.names)[0])

    def changing(
        self,
        method: Callable[..., Any],
        *,
        replace: bool = False,
        remembered: Callable[..., dict[str, Any]] = dict,
    ) -> Any:
        """Return a command that changes settings of a module, remembers them, and publishes them.

        Parameters
        ----------
        method : callable
            Of the module; returns what the board made of it.
        replace : bool
            What was set before is over.
        remembered : callable
            Returns, given the arguments, which settings they are; by default those of their names.
        """

        def change(host: Any, name: str, arguments: dict[str, Any]) -> Any:
            act = partial(method, host.board.modules[name], **arguments)
            return host.board.change(name, remembered(**arguments), act, replace=replace)

        return self._command(method, change, "changes")

    def calling(self, method: Callable[..., Any], *, effect: Effect) -> Any:
        """Return a command that calls a module's method: one that "reads", or "changes" something once."""

        def call(host: Any, name: str, arguments: dict[str, Any]) -> Any:
            return method(host.board.modules[name], **arguments)

        return self._command(method, call, effect)

    def silencing(self, method: Callable[..., Any]) -> Any:
        """Return a command that silences a module, for which `method` only describes it."""

        def silence(host: Any, name: str, _: dict[str, Any]) -> None:
            host.board.silence(name)

        return self._command(method, silence, "stops")

    def like(
        self, method: Callable[..., Any], *, effect: Effect, lane: str = "", returns: Any = None
    ) -> Callable[[F], F]:
        """Make a function a command that takes a module's name and the arguments of `method`.

        Parameters
        ----------
        method : callable
            Gives the arguments, what is returned, and the description; a docstring of the function's own
            stands above that of the arguments.
        effect, lane : str
            As `parfocal.ipc.command` takes them; by default the modules' lane.
        returns : type, optional
            What is returned, if it is not what `method` returns.
        """

        def mark(function: F) -> F:
            signature = self._signature(method)
            if returns is not None:
                signature = signature.replace(return_annotation=returns)
            function.__doc__ = _description(function.__doc__, method)
            function.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
            function.__annotations__["return"] = signature.return_annotation
            function.__signature__ = signature  # type: ignore[attr-defined]
            return command(lane=lane or self.lane, effect=effect)(function)

        return mark

    def _command(
        self, method: Callable[..., Any], act: Callable[[Any, str, dict[str, Any]], Any], effect: Effect
    ) -> Any:
        def run(host: Any, **arguments: Any) -> Any:
            return act(host, arguments.pop(self.argument, self.default), arguments)

        return _NamedLater(run, self.like(method, effect=effect))

    def _signature(self, method: Callable[..., Any]) -> inspect.Signature:
        """Return the arguments of a command: those of `method`; which module, behind required ones."""
        signature = inspect.signature(method, eval_str=True)
        parameters = [each for each in signature.parameters.values() if each.name not in _OF_ANY_CALL]
        if self.argument:
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            required = [each for each in parameters if each.default is each.empty and each.kind == kind]
            name = inspect.Parameter(self.argument, kind, default=self.default, annotation=self.names)
            parameters.insert(len(required), name)
        return signature.replace(parameters=parameters)


@dataclass(frozen=True)
class _NamedLater:
    """A command that gets the name of the class attribute that it is assigned to."""

    run: Callable[..., Any]
    mark: Callable[[Callable[..., Any]], Callable[..., Any]]

    def __set_name__(self, owner: type, name: str) -> None:
        self.run.__name__ = name
        self.run.__qualname__ = f"{owner.__qualname__}.{name}"
        setattr(owner, name, self.mark(self.run))


def _description(own: str | None, method: Callable[..., Any]) -> str:
    """Return the docstring of a command: `method`'s, with a beginning of its own if it has one."""
    described = inspect.getdoc(method) or ""
    for name in _OF_ANY_CALL:
        described = re.sub(rf"^{name} : .*\n(?:    .*\n?)+", "", described, flags=re.MULTILINE)
    if own is None:
        return described
    rest = described.partition("\nParameters\n")[2]
    return f"{inspect.cleandoc(own)}\n\nParameters\n{rest}" if rest else own
