"""Identifies a process, says whether it still runs, and names it for messages.

The number of a process is given to another one some time after its end, and means another process in another
container. So a process is known by its number and a mark. The standard library alone is imported here, and no
other module of parfocal: the reaper runs this file without either.

::

    mark   3 hex digits: the boot | 4: the container (pid namespace) | 8: the start of the process
"""

from __future__ import annotations

import os
import signal
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

_LINUX = sys.platform == "linux"
_WINDOWS = sys.platform == "win32"
_TITLE = "parfocal: "


class Identity(NamedTuple):
    """A process: its number, and the mark that no other process with this number has; "" for none."""

    pid: int
    mark: str

    @property
    def alive(self) -> bool:
        """Whether it runs, or is stopped but could go on.

        A process that cannot be looked at counts as alive: it may belong to another container, or this
        process may have no descriptor left to look with.

        Examples
        --------
        >>> this_process().alive, Identity(os.getpid(), "").alive
        (True, False)
        """
        if self.pid <= 0 or len(self.mark) != len(_here()) + 8 or self.mark[:3] != _here()[:3]:
            return False
        if not self.mark.startswith(_here()):
            return True
        try:
            return start_mark(self.pid) == self.mark
        except OSError:
            return True

    def kill(self) -> bool:
        """End it at once, unless its number is another process's by now; return whether it was there."""
        try:
            if start_mark(self.pid) != self.mark or not self.mark:
                return False
            os.kill(self.pid, signal.SIGTERM if _WINDOWS else signal.SIGKILL)
        except OSError:
            return False
        return True


def this_process() -> Identity:
    """Return the calling process."""
    return identity_of(os.getpid())


def identity_of(pid: int) -> Identity:
    """Return the process that has this number now; its mark is "" if there is none."""
    return Identity(pid, start_mark(pid))


def start_mark(pid: int) -> str:
    """Return the mark of process `pid`; "" if there is none, or if it has ended and waits to be collected.

    Raises
    ------
    OSError
        If this process cannot look at it.

    Examples
    --------
    >>> start_mark(os.getpid()) == start_mark(os.getpid()) != ""
    True
    >>> start_mark(2**22 + 1)
    ''
    """
    start = _start(pid)
    return "" if start is None else f"{_here()}{start % 2**32:08x}"


def is_stopped(pid: int) -> bool:
    """Whether process `pid` is there, but was stopped, as by SIGSTOP.

    Examples
    --------
    >>> is_stopped(os.getpid())
    False
    """
    if _LINUX:
        try:
            return _stat(pid)[0] == b"T"
        except OSError:
            return False
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def wants_processor(pid: int) -> bool:
    """Whether a thread of process `pid` runs, or waits for nothing but a processor.

    Linux alone tells it: elsewhere it is False.

    Examples
    --------
    >>> wants_processor(os.getpid()) is _LINUX, wants_processor(2**22 + 1)
    (True, False)
    """
    if not _LINUX:
        return False
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        return any(_stat(f"{pid}/task/{thread}")[0] == b"R" for thread in threads)
    except OSError:
        return False


def processor_s(pid: int) -> float:
    """Return how much processor time process `pid` has used, s; 0 if that cannot be told."""
    if _LINUX:
        try:
            fields = _stat(pid)
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if len(fields) > 12 else 0.0
    import psutil

    try:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    except psutil.Error:
        return 0.0


def give_title(rig: str, service: str) -> None:
    """Have lists of processes show this one as a service."""
    from setproctitle import setproctitle

    setproctitle(f"{_TITLE}{rig}/{service}")


def this_caller(rig: str) -> tuple[str, bool]:
    """Return how the services of `rig` are told who calls them, and whether it is one of them itself."""
    from setproctitle import getproctitle

    is_service = getproctitle().startswith(f"{_TITLE}{rig}/")
    return this_program() if is_service else f"{this_program()} (pid {os.getpid()})", is_service


def this_program() -> str:
    """Return the name of the service that this process runs, else that of its script, else "python"."""
    from setproctitle import getproctitle

    title = getproctitle()
    if title.startswith(_TITLE):
        return title.rpartition("/")[2]
    script = Path(sys.argv[0] if sys.argv else "")
    name = script.parent.name if script.stem == "__main__" else script.name
    return "python" if name in ("", "-c", "-m", "-") else name


@cache
def _here() -> str:
    """Return the part of a mark that all processes of this boot and this container share."""
    if not _LINUX:
        return "0000000"
    boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    container = os.stat("/proc/self/ns/pid").st_ino
    return f"{zlib.crc32(boot) % 2**12:03x}{container % 2**16:04x}"


def _start(pid: int) -> int | None:
    """Return when a process began, in the system's own unit; None if it does not run."""
    if _LINUX:
        fields = _stat(pid)
        return None if fields[0] in (b"", b"Z", b"X") else int(fields[19])
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else round(process.create_time() * 1000)
    except psutil.NoSuchProcess:
        return None
    except psutil.Error as error:
        raise OSError(f"process {pid} cannot be looked at: {error}") from error


def _stat(pid: int | str) -> list[bytes]:
    """Return the fields of ``/proc/<pid>/stat`` from the state on; the state is b"" if there is none.

    Of a thread it is that of ``<pid>/task/<number of the thread>``.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return [b""]
    return stat[stat.rindex(b")") + 2 :].split()  # the program's name may hold spaces and brackets
