"""Commands that a device declares itself: its methods marked with `parfocal.ipc.command`."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from parfocal.ipc.commands import MAIN
from parfocal.processes import LOOP

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


class Caller(Protocol):
    """Who calls the device: its host."""

    def call_device(self, method: str, arguments: dict[str, Any], reshapes: bool) -> Any:
        """Check the arguments against the device's limits, and call its method."""
        ...


def reshapes(method: F) -> F:
    """Mark a camera's command that changes what its frames look like: binning, region, bit depth.

    The host refuses it while a sequence is on, or while the frames are being recorded; otherwise the stream
    goes on with frames of the new shape.

    Examples
    --------
    >>> class Camera:
    ...     @reshapes
    ...     def set_binning(self, binning: int) -> int:
    ...         return binning
    >>> Camera.set_binning.__reshapes__
    True
    """
    marked: Any = method
    marked.__reshapes__ = True
    return method


def set_again(method: F) -> F:
    """Mark a camera's command that sets what frames depend on, such as a gain.

    Its last call is made again when the camera is opened after a crash, as that of what `reshapes` frames is.
    Nothing else is: an output that has to be safe then stays so.

    Examples
    --------
    >>> class Camera:
    ...     @set_again
    ...     def set_gain(self, gain: float) -> float:
    ...         return gain
    >>> is_set_again(Camera, "set_gain"), is_set_again(Camera, "__init__")
    (True, False)
    """
    marked: Any = method
    marked.__set_again__ = True
    return method


def is_set_again(kind: type, method: str) -> bool:
    """Whether the last call of a method is made again when the camera is opened after a crash."""
    found = getattr(kind, method, None)
    return any(getattr(found, mark, False) for mark in ("__set_again__", "__reshapes__"))


def device_commands(kind: type, caller: Caller | None = None) -> Any:
    """Return what offers the commands of a device class: an object that has `caller` call the device.

    A command runs in the device's own thread, the loop of its host, unless it names a lane. Without a caller
    the commands can be listed, not called.
    """
    members = {name: inspect.getattr_static(kind, name) for name in dir(kind)}
    methods = {name: _forward(name, member) for name, member in members.items() if _is_command(member)}
    return type(kind.__name__, (), {**methods, "caller": caller, "__module__": kind.__module__})()


def _is_command(member: object) -> bool:
    return inspect.isfunction(member) and hasattr(member, "__command__")


def _forward(name: str, method: Any) -> Callable[..., Any]:
    """Return a method of the same signature that goes through the caller."""
    signature = inspect.signature(method)
    changes_shape = bool(getattr(method, "__reshapes__", False))

    @functools.wraps(method)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        arguments.pop(next(iter(signature.parameters)))
        return self.caller.call_device(name, arguments, changes_shape)

    forwarded: Any = forward
    declared = method.__command__
    in_loop = (
        changes_shape or declared.lane == MAIN
    )  # the loop fills the frames, so it alone may reshape them
    forwarded.__command__ = dataclasses.replace(declared, lane=LOOP) if in_loop else declared
    return forward
