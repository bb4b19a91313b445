"""The process that services are forked from: ``python -m parfocal.processes.fork_server_process RIG PID``.

::

    stdin   a socket to the rig's process, PID
            <-- "ready" or why not, once; then for each fork its process, told by the fork itself
            --> for each fork five descriptors: its stdin, stdout, stderr, folder, and a file that says
                {"module": whose main() it runs, "environment": {...}}

It has one thread, and imports what every service needs before the first fork. It keeps no descriptor that it
was sent, and holds nothing of a fork, which is a child of the rig's process. It ends with that.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from parfocal.processes.fork_server_client import READY
from parfocal.processes.identity import give_title
from parfocal.processes.sibling_fork import make_sibling_fork

PRELOADED = ("parfocal.processes.child", "parfocal.streams")
"""What services import; none of it starts a thread, opens a socket, or is a user's."""
_DESCRIPTORS = 5
_LONGEST = 4096


def main() -> None:
    """Fork until the rig's process is gone; in each fork, run the module that was asked for."""
    give_title(sys.argv[1], "fork-server")
    module = None
    with suppress(ConnectionError):  # the rig's process is gone
        module = serve(socket.socket(fileno=0), int(sys.argv[2]))
    if module is not None:
        importlib.import_module(module).main()


def serve(rig: socket.socket, parent: int) -> str | None:
    """Fork as often as is asked for on `rig`; return None when that is over, and in a fork its module."""
    for module in PRELOADED:
        importlib.import_module(module)
    try:
        fork = make_sibling_fork()
        handle = os.pidfd_open(parent)
    except OSError as error:
        rig.send(str(error).encode()[:_LONGEST])
        return None
    gc.collect()
    gc.freeze()  # a collection in a fork writes to none of this, so that all go on sharing it
    rig.send(READY)
    while _is_asked(rig, handle):
        _, received, _, _ = socket.recv_fds(rig, 1, _DESCRIPTORS)
        if not received:
            return None
        if _forked(fork, rig):
            os.close(handle)
            rig.detach()  # its number is that of stdin
            return _taken_over(*received)
        for descriptor in received:
            os.close(descriptor)
    return None


def _forked(fork: Callable[[], int], rig: socket.socket) -> bool:
    """Fork; return whether this is the fork. That leads a session, and has told its process to the rig."""
    try:
        is_fork = fork() == 0
    except OSError as error:
        rig.send(str(error).encode()[:_LONGEST])
        return False
    if is_fork:
        os.setsid()
        rig.send(str(os.getpid()).encode())
    return is_fork


def _is_asked(rig: socket.socket, parent: int) -> bool:
    """Wait for a request; return False if the rig's process has closed its end, or has ended."""
    poll = select.poll()
    poll.register(rig, select.POLLIN)
    poll.register(parent, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll()}
    return parent not in ready


def _taken_over(stdin: int, stdout: int, stderr: int, folder: int, request: int) -> str:
    """Make this process as one that was started anew with these descriptors; return its module."""
    for source, target in ((stdin, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
        os.close(source)
    os.fchdir(folder)
    os.close(folder)
    with open(request, encoding="utf-8") as file:
        asked = json.load(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    module: str = asked["module"]
    sys.argv = [str(importlib.import_module(module).__file__)]
    importlib.invalidate_caches()  # what was installed since the fork server began is found
    return module


if __name__ == "__main__":
    main()
