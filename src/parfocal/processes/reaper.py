"""A small process that outlives the rig's process and cleans up after it, however that ended.

::

    rig process ---stdin---> reaper        {"folders": [...], "locks": folder}
                                           {"add": [pid, mark]}  {"drop": pid}  {"done": true}

As soon as the rig's process is gone, its children make safe and end by themselves (they see it too). After
a second the reaper kills those that are left, and removes the rig's folders, unless a new rig of that name
has taken them over already. Started as a file, without site-packages: it needs a few megabytes and no time.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from parfocal.processes.identity import Identity
    from parfocal.processes.locks import FOLDER_LOCK, FileLock, lock_leftover, remove_folder, sweep
    from parfocal.processes.system import end_group, lines_until_orphaned
else:
    from identity import Identity
    from locks import FOLDER_LOCK, FileLock, lock_leftover, remove_folder, sweep
    from system import end_group, lines_until_orphaned

GRACE_S = 1.0


class Charge:
    """What the reaper has been told: whose children to watch, and what to remove after them."""

    def __init__(self) -> None:
        self.children: dict[int, Identity] = {}
        self.folders: list[Path] = []
        self.locks: Path | None = None
        self.done = False

    def learn(self, line: bytes) -> None:
        """Take in one line from the rig's process."""
        message = json.loads(line)
        if "folders" in message:
            self.folders = [Path(folder) for folder in message["folders"]]
            self.locks = Path(message["locks"])
        if "add" in message:
            pid, mark = message["add"]
            self.children[pid] = Identity(pid, mark)
        self.children.pop(message.get("drop", 0), None)
        self.done = self.done or message.get("done", False)


def listen(charge: Charge, fd: int, parent: int) -> None:
    """Learn from `fd` until process `parent` has ended or closed it."""
    for line in lines_until_orphaned(fd, parent):
        charge.learn(line)


def reap(children: Collection[Identity], grace_s: float) -> None:
    """Give `children` `grace_s` to end by themselves, then kill what is left, and what they had started."""
    if not _all_gone(children, grace_s):
        for child in children:
            child.kill()
        _all_gone(children, 0.5)
    for child in children:
        end_group(child.pid)


def main() -> None:
    """Wait for the end of the rig's process; clean up unless it says that it did so itself."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    charge = Charge()
    listen(charge, sys.stdin.fileno(), int(sys.argv[1]))
    if charge.done:
        return
    reap(charge.children.values(), GRACE_S)
    for folder in charge.folders:
        lock = lock_soon(folder, GRACE_S)
        if lock is not None:
            remove_folder(lock)
    if charge.locks is not None:
        sweep(charge.locks)


def lock_soon(folder: Path, within_s: float) -> FileLock | None:
    """Lock a folder whose holder has died: its locks last until the last of its threads has ended."""
    end = time.monotonic() + within_s
    while (lock := lock_leftover(folder, "reaper")) is None:
        if not (folder / FOLDER_LOCK).exists() or time.monotonic() > end:
            return None
        time.sleep(0.02)
    return lock


def _all_gone(children: Collection[Identity], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while any(child.alive for child in children):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


if __name__ == "__main__":
    main()
