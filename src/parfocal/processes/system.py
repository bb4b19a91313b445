"""What the operating system does for processes: the only file that asks which one it is.

Standard library alone, and no other module of parfocal: the reaper runs it without either.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

LINUX = sys.platform == "linux"
WINDOWS = sys.platform == "win32"


def start_mark(pid: int) -> str:
    """Return what tells process `pid` from an earlier or later one with the same number.

    Returns
    -------
    str
        The boot it runs under and its start time in it; "" if there is no such process, or if it has
        ended and only waits to be collected.

    Examples
    --------
    >>> start_mark(os.getpid()) == start_mark(os.getpid()) != ""
    True
    >>> start_mark(2**22 + 1)
    ''
    """
    if not LINUX:
        return _start_mark_elsewhere(pid)
    fields = _stat(pid)
    if fields[0] in (b"", b"Z", b"X"):
        return ""
    return f"{_boot()}-{fields[19].decode()}"


def is_stopped(pid: int) -> bool:
    """Whether process `pid` is there, but was stopped, as by SIGSTOP.

    Examples
    --------
    >>> is_stopped(os.getpid())
    False
    """
    if LINUX:
        return _stat(pid)[0] == b"T"
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def is_alive(pid: int, mark: str) -> bool:
    """Whether the process that had `pid` and `mark` still runs (or is stopped, but could go on)."""
    return mark != "" and start_mark(pid) == mark


def kill(pid: int, mark: str) -> bool:
    """End a process at once, unless its number belongs to another by now; return whether it was there."""
    if not is_alive(pid, mark):
        return False
    try:
        os.kill(pid, signal.SIGTERM if WINDOWS else signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def lines_until_orphaned(fd: int, parent: int) -> Iterator[bytes]:
    """Yield the lines that come on `fd`, until its other end is closed or process `parent` has ended.

    The process is watched beside the pipe because a fork of the parent may hold the pipe open after its
    death. What the parent wrote before is read first.
    """
    pending = b""
    with _Watched(parent) as watched:
        while chunk := watched.read(fd):
            *complete, pending = (pending + chunk).split(b"\n")
            yield from complete


class _Watched:
    """A process whose end can be waited for beside a pipe, where the system can do that."""

    def __init__(self, pid: int) -> None:
        self._gone = False
        self._handle = -1
        if hasattr(os, "pidfd_open"):
            try:
                self._handle = os.pidfd_open(pid)
            except ProcessLookupError:
                self._gone = True
            except OSError:  # a system that doesn't allow it: the pipe's end must do
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    def read(self, fd: int) -> bytes:
        """Wait for bytes on `fd`; b"" at its end, or when the process is gone and nothing is left to read."""
        if self._handle < 0 and not self._gone:
            return os.read(fd, 65536)
        poll = select.poll()
        poll.register(fd, select.POLLIN | select.POLLHUP)
        if not self._gone:
            poll.register(self._handle, select.POLLIN)
        ready = [number for number, _ in poll.poll(0 if self._gone else None)]
        return os.read(fd, 65536) if fd in ready else b""


def try_lock(fd: int) -> bool:
    """Lock an open file for this process; the system lets go of it when the process ends, however it does."""
    try:
        if WINDOWS:
            import msvcrt

            os.lseek(fd, 1 << 30, os.SEEK_SET)  # a byte beyond the text, which others shall read
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def private_folder(path: Path) -> Path:
    """Make a folder that this user alone can enter; return it.

    Raises
    ------
    PermissionError
        If it is there already, and is another user's or open to others.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not WINDOWS:
        found = path.stat()
        if found.st_uid != os.getuid():
            raise PermissionError(f"folder {path} belongs to another user; choose another")
        if found.st_mode & 0o077:
            raise PermissionError(
                f"folder {path} is open to other users; run chmod 700 on it, or choose another"
            )
    return path


def user_runtime_root() -> Path:
    """Return the folder of this user's runtime files, which a restart of the machine may clear."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and os.access(given, os.W_OK):
        return Path(given) / "parfocal"
    return _temporary("parfocal")


def shared_memory_root() -> Path:
    """Return the folder where files are memory of this machine, or the nearest thing to it."""
    if LINUX and os.access("/dev/shm", os.W_OK):
        return Path(f"/dev/shm/parfocal-{os.getuid()}")
    return _temporary("parfocal-streams")


def _temporary(name: str) -> Path:
    """Return a folder for temporary files whose name is this user's."""
    import tempfile

    user = "" if WINDOWS else f"-{os.getuid()}"  # Windows gives each user a temporary folder
    return Path(tempfile.gettempdir()) / f"{name}{user}"


def describe_exit(code: int | None) -> str:
    """Return an exit code in words.

    Examples
    --------
    >>> describe_exit(-9), describe_exit(3)
    ('was killed by SIGKILL', 'ended with exit code 3')
    """
    if code is None:
        return "ended, nobody knows how"
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with exit code {code}"


def dump_signal() -> int | None:
    """Return the signal that makes a child write where its threads stand; None where there is none."""
    return None if WINDOWS else int(signal.SIGUSR2)


def _stat(pid: int) -> list[bytes]:
    """Return the fields of ``/proc/<pid>/stat`` from the state on, which is b"" if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return [b""]
    return stat[stat.rindex(b")") + 2 :].split()  # the program's name may hold spaces and brackets


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]


def _start_mark_elsewhere(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return f"{process.create_time():.3f}"
    except psutil.Error:
        return ""
