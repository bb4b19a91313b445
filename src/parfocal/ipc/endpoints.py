"""The addresses of services: socket files in a folder that only this user can read."""

from __future__ import annotations

import os
import re
import socket
import sys
from typing import TYPE_CHECKING

import zmq

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LONGEST_PATH = 107 if sys.platform == "linux" else 103  # sun_path, less its closing zero

_contexts: dict[int, zmq.Context[zmq.Socket[bytes]]] = {}


def context() -> zmq.Context[zmq.Socket[bytes]]:
    """Return the context that all clients and subscriptions of this process share."""
    pid = os.getpid()
    if pid not in _contexts:  # a forked child must not touch its parent's
        _contexts[pid] = zmq.Context()
    return _contexts[pid]


def command_endpoint(folder: Path, service: str) -> str:
    """Return where `service` takes commands.

    Raises
    ------
    BadInputError
        If the name cannot be a file's, or the path is too long for a socket.

    Examples
    --------
    >>> from pathlib import Path
    >>> command_endpoint(Path("/run/rig"), "camera")
    'ipc:///run/rig/camera.sock'
    """
    return f"ipc://{_socket_file(folder, service, 'sock')}"


def notice_endpoint(folder: Path, service: str) -> str:
    """Return where `service` publishes its notices. Raises like `command_endpoint`."""
    return f"ipc://{_socket_file(folder, service, 'notices')}"


def is_served(endpoint: str) -> bool:
    """Whether a living process listens at `endpoint`."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(endpoint.removeprefix("ipc://"))
        except OSError:
            return False
        return True


def _socket_file(folder: Path, service: str, suffix: str) -> str:
    if not _NAME.fullmatch(service):
        raise BadInputError(f"service name {service!r} may hold only letters, digits, '_', '-' and '.'")
    path = str(folder / f"{service}.{suffix}")
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise BadInputError(
            f"socket path {path} has {length} bytes, but sockets allow {_LONGEST_PATH}; use a shorter folder"
        )
    return path
