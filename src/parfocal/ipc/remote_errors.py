"""Errors across processes: described in the service, raised again in the client."""

from __future__ import annotations

import traceback
from typing import Any

import msgspec

from parfocal.core import errors
from parfocal.core.messages import ErrorInfo, Reply

_KINDS: dict[str, type[errors.CommandError]] = {
    kind.__name__: kind
    for kind in (
        errors.UnknownCommandError,
        errors.BadArgumentsError,
        errors.CommandFailedError,
        errors.CancelledError,
        errors.ClaimedError,
        errors.DeadlineError,
        errors.ProtocolError,
        errors.ServiceUnavailableError,
    )
}
_DETAILS: dict[str, tuple[str, ...]] = {
    "CommandFailedError": ("remote_type", "remote_traceback"),
    "CancelledError": ("phase", "reason"),
}


CLOSING = "the service is closing"
"""Why calls of a service that ends are ended: for whoever waits, nobody is there to answer."""


def raised(error: BaseException, service: str, command: str) -> ErrorInfo:
    """Describe what a command raised, with its traceback."""
    return ErrorInfo(
        kind="CommandFailedError",
        message=f"{service}.{command} raised {type(error).__name__}: {errors.error_text(error)}",
        service=service,
        command=command,
        remote_type=type(error).__name__,
        remote_traceback=errors.sendable("".join(traceback.format_exception(error))),
    )


def refused(error: errors.CommandError, service: str, command: str) -> ErrorInfo:
    """Describe why the service itself gives no result: unknown, bad arguments, cancelled, too late ...

    A call that was ended because the service is closing was not cancelled by anybody.

    Examples
    --------
    >>> refused(errors.CancelledError("cancelled while running", reason=CLOSING), "stage", "move_to").kind
    'ServiceUnavailableError'
    """
    is_closing = isinstance(error, errors.CancelledError) and error.reason == CLOSING
    kind = errors.ServiceUnavailableError if is_closing else type(error)
    return ErrorInfo(
        kind=kind.__name__,
        message=errors.error_text(error),
        service=service,
        command=command,
        phase=getattr(error, "phase", ""),
        reason=errors.sendable(getattr(error, "reason", "")),
    )


class _Head(msgspec.Struct, array_like=True, tag="reply"):
    """What a reply begins with."""

    id: str


def unreadable_reply(data: Any, error: errors.ProtocolError, service: str) -> Reply | None:
    """Return the reply that a call gets in place of one that cannot be read; None if `data` is no reply."""
    try:
        id = msgspec.msgpack.decode(data, type=_Head).id
    except msgspec.MsgspecError:
        return None
    return Reply(id, error=refused(error, service, ""))


def revive(info: ErrorInfo) -> errors.CommandError:
    """Return the exception that `info` describes; a remote traceback is added as a note.

    Examples
    --------
    >>> error = revive(ErrorInfo(kind="CancelledError", message="stopped", phase="queued", reason="enough"))
    >>> type(error).__name__, error.phase
    ('CancelledError', 'queued')
    """
    kind = _KINDS.get(info.kind, errors.CommandError)
    details: dict[str, Any] = {name: getattr(info, name) for name in _DETAILS.get(info.kind, ())}
    error = kind(info.message, service=info.service, command=info.command, **details)
    if info.remote_traceback:
        error.add_note(f"in service {info.service!r}:\n{info.remote_traceback}")
    return error
