"""Forks this process into a *sibling*: a child of its own parent, which waits for it as for any other child.

So the parent learns how each sibling ended from the operating system, whatever became of the process that
forked. Python has no call for that; this makes the system call that the C library's fork makes, with
CLONE_PARENT, between Python's own preparation for a fork and what Python does after it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from collections.abc import Callable
from pathlib import Path

_CLONE_PARENT, _CLONE_CHILD_CLEARTID, _CLONE_CHILD_SETTID = 0x8000, 0x200000, 0x1000000
_PR_GET_TID_ADDRESS = 40
_CLONE, _SET_ROBUST_LIST, _GET_ROBUST_LIST = 56, 273, 274  # numbers of system calls, of x86-64


def make_sibling_fork() -> Callable[[], int]:
    """Return a function that forks as `os.fork` does, but makes a sibling.

    Only a process with a single thread may: what a library registered to be done at a fork is not done.

    Raises
    ------
    OSError
        If this processor, C library or kernel is not known to allow it, or threads are left.
    """
    if platform.machine() != "x86_64":
        raise OSError(f"processes are not forked into siblings on {platform.machine()}")
    end_idle_threads()
    if thread_count() != 1:
        raise OSError(f"a process with {thread_count()} threads is not forked")
    thread_id = _address_of_thread_id()
    call = ctypes.PyDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    robust_list, size = ctypes.c_void_p(), ctypes.c_size_t()
    call(ctypes.c_long(_GET_ROBUST_LIST), ctypes.c_long(0), ctypes.byref(robust_list), ctypes.byref(size))
    flags = _CLONE_PARENT | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | signal.SIGCHLD
    clone = [ctypes.c_long(each) for each in (_CLONE, flags, 0, 0, thread_id, 0)]
    prepare = ctypes.pythonapi.PyOS_BeforeFork
    in_parent, in_child = ctypes.pythonapi.PyOS_AfterFork_Parent, ctypes.pythonapi.PyOS_AfterFork_Child

    def fork() -> int:
        prepare()
        pid = int(call(*clone))
        if pid == 0:
            call(ctypes.c_long(_SET_ROBUST_LIST), robust_list, size)
            in_child()
            return 0
        in_parent()
        if pid < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return pid

    return fork


def end_idle_threads() -> None:
    """Have libraries end the threads that they keep for later work, as NumPy's linear algebra does.

    They do so before any fork, and begin them again when there is work.
    """
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def thread_count() -> int:
    """Return how many threads this process has, Python's and others.

    Examples
    --------
    >>> thread_count() > 0
    True
    """
    return len(list(Path("/proc/self/task").iterdir()))


def _address_of_thread_id() -> int:
    """Return where the C library keeps the number of this thread, which the kernel sets anew in a fork."""
    address = ctypes.c_void_p()
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) != 0 or not address.value:
        raise OSError("the kernel does not tell where the number of a thread is kept")
    if ctypes.c_int.from_address(address.value).value != os.getpid():
        raise OSError("the C library keeps the number of a thread elsewhere")
    return address.value
