"""The file of a ring: filled before it gets its name, mapped, locked, replaced, removed."""

from __future__ import annotations

import contextlib
import mmap
import os
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamError, StreamNotFoundError, StreamRemovedError, StreamTimeoutError
from parfocal.processes.mapped import allocate
from parfocal.processes.system import try_lock
from parfocal.streams import layout as at
from parfocal.streams.liveness import Owner, is_alive, this_process
from parfocal.streams.words import check_processor, read_buffered, words_of, write_buffered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_PAUSE_S = 0.001
_LOCK_TIMEOUT_S = 1.0


class Segment:
    """A mapped ring. The mapping ends when the last one that uses it (a view, too) lets go of it.

    Parameters
    ----------
    fd : int
        Of the ring's file; closed here, whatever happens: a mapping needs none.

    Attributes
    ----------
    path : Path
        The ring's file.
    layout : Layout
        Where everything lies in it.
    control, words : memoryview
        What stands before the data, as bytes and as words; to read and to write.
    data : memoryview
        Pixels or rows; can be written only in the writer's mapping.
    """

    def __init__(self, path: Path, fd: int, layout: at.Layout, *, writable: bool) -> None:
        self.path = path
        self.layout = layout
        try:
            self._stat = os.fstat(fd)  # enough to know the file by: no other is this one while it is mapped
            control = mmap.mmap(fd, layout.data)
            access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
            pixels = mmap.mmap(fd, layout.size - layout.data, access=access, offset=layout.data)
        finally:
            os.close(fd)
        self.control = memoryview(control)
        self.words = words_of(self.control)
        self.data = memoryview(pixels)
        self._is_in = False
        _touch(control)

    @classmethod
    def create(cls, path: Path, layout: at.Layout, generation: int) -> Segment:
        """Make a ring under a provisional name; `publish` gives it its own."""
        check_processor()
        provisional = _provisional(path)
        fd = os.open(provisional, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _take_room(fd, layout.size, path)
        except BaseException:
            os.close(fd)
            provisional.unlink(missing_ok=True)
            raise
        ring = cls(path, fd, layout, writable=True)
        text = at.encode_spec(layout.spec)
        ring.control[at.SPEC_START : at.SPEC_START + len(text)] = text
        for entry in range(at.ENTRIES):
            ring.words[at.entry_base(entry) + at.CURSOR] = at.NEVER
        ring.words[at.GENERATION] = generation
        ring.words[at.IDENTITY] = int.from_bytes(os.urandom(4), "little")
        ring.words[at.CREATED] = ring.words[at.ORIGIN] = SYSTEM_CLOCK.monotonic_ns()
        ring.words[at.SLOTS] = layout.slots
        ring.words[at.SPEC_BYTES] = len(text)
        ring.adopt(this_process())
        ring.words[at.VERSION] = at.FORMAT
        ring.words[at.MAGIC] = at.MAGIC_NUMBER
        return ring

    @classmethod
    def attach(cls, path: Path, *, writable: bool = False) -> Segment:
        """Map the ring at `path`.

        Raises
        ------
        StreamNotFoundError
            If there is no such file.
        StreamError
            If it is no ring of this format.
        """
        check_processor()
        try:
            fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except FileNotFoundError as error:
            raise StreamNotFoundError(f"there is no stream {path.stem!r} in {path.parent}") from error
        try:
            layout = _read_layout(fd, path)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd, layout, writable=writable)

    @property
    def next_number(self) -> int:
        """Number that the producer would give its next frame; -1 if it does not tell."""
        return int(self.words[at.NEXT_NUMBER]) - 1

    def publish(self, *, replace: bool) -> bool:
        """Give the ring its name; return False if another one has it and `replace` doesn't allow that."""
        provisional = _provisional(self.path)
        try:
            if replace:
                os.replace(provisional, self.path)
            elif os.name == "nt":
                os.rename(provisional, self.path)
            else:
                os.link(provisional, self.path)
        except FileExistsError:
            return False
        finally:
            provisional.unlink(missing_ok=True)
        return True

    def is_current(self) -> bool:
        """Return whether the file under the ring's name is still this one."""
        try:
            return os.path.samestat(self._stat, self.path.stat())
        except FileNotFoundError:
            return False

    def check_current(self) -> None:
        """Raise `StreamRemovedError` if the ring's file was removed, though nobody closed the stream."""
        if not self.is_current() and self.words[at.CLOSED] == at.OPEN:
            raise StreamRemovedError(
                f"stream {self.path.stem!r}: its file {self.path} was removed while it was in use. The "
                "system does so when the user logs out (RemoveIPC=yes in logind.conf), and so do cleaners of "
                "temporary files"
            )

    @contextlib.contextmanager
    def locked(self, patience_s: float = _LOCK_TIMEOUT_S) -> Iterator[None]:
        """Hold the lock of the reader entries: for attaching, giving up and taking over, never for data.

        The system frees it if this process ends. A ring that has lost its name needs none: nobody finds it.

        Raises
        ------
        StreamTimeoutError
            If another process has held it for `patience_s`; names it.
        """
        lock = self._open_again()
        try:
            deadline = SYSTEM_CLOCK.monotonic_s() + patience_s
            while lock is not None and not try_lock(lock):
                if SYSTEM_CLOCK.monotonic_s() >= deadline:
                    raise StreamTimeoutError(self._why_locked(max(patience_s, _LOCK_TIMEOUT_S)))
                SYSTEM_CLOCK.sleep(_LOCK_PAUSE_S)
            self.words[at.LOCKED_BY] = os.getpid()
            yield
            self.words[at.LOCKED_BY] = 0
        finally:
            if lock is not None:
                os.close(lock)

    def _why_locked(self, patience_s: float) -> str:
        holder = self.words[at.LOCKED_BY]
        return (
            f"process {holder} has held the lock of stream {self.path.stem!r} for {patience_s:g} s: it was "
            f"probably stopped; let it go on (kill -CONT {holder}) or end it"
        )

    def _open_again(self) -> int | None:
        try:
            lock = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return None
        if os.path.samestat(os.fstat(lock), self._stat):
            return lock
        os.close(lock)
        return None

    def bring_in(self) -> None:
        """Bring every page of the data into this process now, not at the first frame. To look takes none."""
        if not self._is_in:
            _touch(self.data)
            self._is_in = True

    def without_memory(self) -> Segment:
        """Return what the ring's header tells now, of no use but to be asked: its memory may go meanwhile."""
        told = Segment.__new__(Segment)  # what `copy` imports is gone at the end of the program
        told.__dict__.update(self.__dict__)
        told.control = memoryview(bytearray(self.control[: at.SPEC_START]))
        told.words = words_of(told.control)
        told.data = memoryview(b"")
        return told

    def writer(self) -> Owner:
        """Return the writing process; its pid is 0 if none is attached."""
        return Owner(*read_buffered(self.words, at.WRITER_VERSION, at.WRITER_BUFFERS, len(Owner._fields)))

    def writer_alive(self) -> bool:
        """Return whether the writing process lives, as far as can be told."""
        return is_alive(self.writer())

    def adopt(self, owner: Owner) -> None:
        """Make `owner` the writer; what the last one left unfinished is abandoned, and counted once."""
        self.words[at.WRITER_WAITING] = 0
        self.words[at.ABANDONED] = self.words[at.BEGUN] - self.words[at.HEAD]
        self.note_writer(owner)

    def note_writer(self, owner: Owner) -> None:
        """Replace the writing process by one store, so that nobody takes half of it for another one."""
        write_buffered(self.words, at.WRITER_VERSION, at.WRITER_BUFFERS, owner)

    def doorbell_path(self, entry: int | str) -> Path:
        """Return the path of a reader's doorbell, or of the writer's ("w"); no two rings share one."""
        return self.path.with_name(f"{self.path.stem}.{self.words[at.IDENTITY]:08x}.{entry}.bell")


def maker_of(provisional: Path) -> Owner:
    """Return the process that made a ring under this provisional name, or still makes it."""
    pid, _, started = provisional.stem.rpartition(".")[2].partition("-")
    return Owner(int(pid), int(started)) if pid.isdigit() and started.isdigit() else Owner(0, 0)


def _provisional(path: Path) -> Path:
    maker = this_process()
    return path.with_name(f"{path.stem}.{maker.pid}-{maker.started}.new")


def _take_room(fd: int, size: int, path: Path) -> None:
    try:
        allocate(fd, size)
    except OSError as error:
        raise StreamError(
            f"no room for {size / 1e6:.0f} MB of {path}: {error.strerror}; use fewer slots, or free memory"
        ) from error


def _read_layout(fd: int, path: Path) -> at.Layout:
    size = os.fstat(fd).st_size
    if size < at.ENTRIES_START:
        raise StreamError(f"{path} is no ring of parfocal: it has {size} bytes; remove it")
    with mmap.mmap(fd, at.ENTRIES_START, access=mmap.ACCESS_READ) as start:
        words = np.frombuffer(start, "<i8", count=at.SPEC_START // 8).tolist()
        text = start[at.SPEC_START : at.SPEC_START + max(0, words[at.SPEC_BYTES])]
    if (words[at.MAGIC], words[at.VERSION]) != (at.MAGIC_NUMBER, at.FORMAT):
        raise StreamError(f"{path} is no ring of format {at.FORMAT}; end who made it and remove it")
    try:
        layout = at.Layout.of(at.decode_spec(text), words[at.SLOTS])
    except (msgspec.MsgspecError, ValueError) as error:
        raise StreamError(f"{path} describes no stream that can be: {error}; remove it") from error
    if layout.size != size:
        raise StreamError(f"{path} has {size} bytes, not the {layout.size} it describes; remove it")
    return layout


def _touch(buffer: mmap.mmap | memoryview) -> None:
    np.frombuffer(buffer, np.uint8)[:: mmap.PAGESIZE].max()
