"""Memory that processes share and that outlives them: a file whose room is allocated before it is mapped.

A store into a page that a full file system cannot give ends the process (SIGBUS), so there are none.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def mapped_file(path: Path, size: int) -> mmap.mmap:
    """Map the first `size` bytes of a file, to read and to write.

    A file that isn't there is made, one that is shorter is made longer, with zeros.

    Raises
    ------
    OSError
        If there is no room for it; says so.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     mine = mapped_file(Path(folder) / "shared", 4)
    ...     mine[:] = b"abcd"
    ...     mapped_file(Path(folder) / "shared", 6)[:4]
    b'abcd'
    """
    with path.open("a+b") as file:
        try:
            allocate(file.fileno(), size)
        except OSError as error:
            raise OSError(
                error.errno, f"no room for {size} bytes ({error.strerror}): free memory", str(path)
            ) from error
        return mmap.mmap(file.fileno(), size)


def allocate(fd: int, size: int) -> None:
    """Give an open file room for `size` bytes; what lies in it stays.

    Raises
    ------
    OSError
        If there is none.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    blank = bytes(1 << 20)
    while (missing := size - os.lseek(fd, 0, os.SEEK_END)) > 0:
        os.write(fd, blank[:missing])
