"""The differences between operating systems: waiting for a parent's end, locks, folders, exit codes, signals.

The standard library alone is imported here, and no other module of parfocal: the reaper runs this file.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from typing import Self

LINUX = sys.platform == "linux"
WINDOWS = sys.platform == "win32"
_DONTNEED = 4  # Linux's advice for memory that is not needed soon


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


def fair_share() -> float:
    """Return how much of a processor a process gets that always wants one, as many as want one just now.

    Examples
    --------
    >>> 0 < fair_share() <= 1
    True
    """
    if not hasattr(os, "getloadavg"):  # Windows
        return 1.0
    return min(1.0, (os.cpu_count() or 1) / max(1.0, os.getloadavg()[0]))


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


def wait_for_end(pid: int) -> None:
    """Block until child `pid` of this process has ended, and leave it to be collected, where that can be."""
    if hasattr(os, "waitid"):
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:  # somebody has collected it
            return


def run_on(child: subprocess.Popen[bytes], first: Callable[[], None] = lambda: None) -> None:
    """Let a child outlive this process, and collect it if it ends before. `first` runs before that.

    Both happen in a thread of their own, for which nobody waits.
    """
    child.returncode = 0  # nobody is to be warned that it runs on

    def work() -> None:
        first()
        with suppress(ChildProcessError):
            os.waitpid(child.pid, 0)

    threading.Thread(target=work, name="run on", daemon=True).start()


def end_group(pid: int) -> None:
    """End what process `pid` has started, and what that has started, unless it left the group of `pid`.

    The number of a group is not given to a process as long as one of the group is left.
    """
    if not hasattr(os, "killpg"):
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # none is left, or only what has ended
        return


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


def unlock(fd: int) -> None:
    """Let go of what `try_lock` has locked; to close the file does that, too."""
    if WINDOWS:
        import msvcrt

        os.lseek(fd, 1 << 30, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_UN)


def user_runtime_root() -> Path:
    """Return the folder of this user's locks, records and sockets, which a restart of the machine may clear.

    It is the same for a desktop, a remote shell and a scheduled job, whatever their environments say, and a
    logout does not remove it.
    """
    return Path(f"/tmp/parfocal-{os.getuid()}") if LINUX else _temporary("parfocal")


def shared_memory_root() -> Path:
    """Return the folder where files are memory of this machine, or the nearest thing to it."""
    if LINUX and os.access("/dev/shm", os.W_OK):
        return Path(f"/dev/shm/parfocal-{os.getuid()}")
    return _temporary("parfocal-streams")


def user_state_root() -> Path:
    """Return the folder of this user's files that no restart may clear, such as calibrations."""
    if WINDOWS:
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "parfocal"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "parfocal"


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


def return_free_memory() -> None:
    """Give memory that is not in use back to the system, where it can be asked to: what opening alone needed.

    That is what the C library keeps for later as soon as the first large array was freed, and what ran of
    libraries: of a compiler, 60 MB. What is needed again comes from the system's cache of files, page by
    page, within some microseconds each.
    """
    if not LINUX:
        return
    import ctypes

    library = ctypes.CDLL(None)
    for start, size in unchanged_parts_of_libraries():
        library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _DONTNEED)
    trim = getattr(library, "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(ctypes.c_size_t(0))


def unchanged_parts_of_libraries() -> list[tuple[int, int]]:
    """Return where libraries are mapped, start and size, as they are in their files and not to be written to.

    So nothing is lost with them. The loader changes some parts before it makes them read-only: not those.
    Nothing is returned where the system does not tell.
    """
    parts: list[tuple[int, int]] = []
    mapped: tuple[int, int] | None = None
    with suppress(OSError), open("/proc/self/smaps", errors="replace") as table:
        for line in table:
            name, *rest = line.split(maxsplit=5)
            if not name.endswith(":"):
                start, end = (int(address, 16) for address in name.split("-"))
                is_one = rest[0] in ("r-xp", "r--p") and rest[3] != "0"
                mapped = (start, end - start) if is_one else None
            elif name == "Anonymous:" and rest[0] == "0" and mapped is not None:
                parts.append(mapped)
    return parts


def dump_signal() -> int | None:
    """Return the signal that makes a child write where its threads stand; None where there is none."""
    return None if WINDOWS else int(signal.SIGUSR2)
