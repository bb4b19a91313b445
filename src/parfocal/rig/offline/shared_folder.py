"""A folder that all machines of a cluster have to see: shown by a file that only it holds."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import parfocal
from parfocal.core.errors import BadInputError
from parfocal.processes.versions import loaded_versions

_HEAD_BYTES = 1 << 20


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """By what a file is known again: where it lies, its size, and the SHA-256 of its first megabyte."""

    path: str
    size: int
    sha256: str


class SharedFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker has to find before it begins.

    Attributes
    ----------
    folder : str
        Where it writes, absolute.
    token_file, token : str
        A file in that folder, and what stands in it.
    files : tuple of FileFacts
        What it reads.
    version : str
        Of parfocal.
    """

    folder: str
    token_file: str
    token: str
    files: tuple[FileFacts, ...] = ()
    version: str = ""


class SeenFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker has found.

    Attributes
    ----------
    host : str
        Its machine.
    problem : str
        Why it can't be used; "" if it can.
    versions : dict of str to str
        Of Python, the system and all packages that it has loaded.
    """

    host: str
    problem: str = ""
    versions: dict[str, str] = {}


@contextmanager
def shared_folder(folder: Path, files: tuple[Path, ...]) -> Iterator[SharedFolder]:
    """Leave a token in a folder while it is shared, and yield what workers have to find there."""
    folder, token = folder.absolute(), secrets.token_hex(16)
    file = folder / f".shared-{token[:8]}"
    file.write_text(token, encoding="ascii")
    try:
        yield SharedFolder(
            folder=str(folder),
            token_file=file.name,
            token=token,
            files=tuple(facts_of(path) for path in files),
            version=parfocal.__version__,
        )
    finally:
        file.unlink(missing_ok=True)


def facts_of(path: Path | str) -> FileFacts:
    """Return by what a file is known again; of a folder that it is one, and what its names are."""
    path = Path(path)
    if path.is_dir():
        names = "\n".join(sorted(os.listdir(path)))
        return FileFacts(path=str(path.absolute()), size=-1, sha256=_hash(names.encode()))
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return FileFacts(path=str(path.absolute()), size=path.stat().st_size, sha256=_hash(head))


def look(shared: SharedFolder) -> SeenFolder:
    """Return whether this process sees a folder as it is described: called in a worker of a cluster."""
    return SeenFolder(host=socket.gethostname(), problem=_problem(shared), versions=loaded_versions())


def check_folder_is(shared: SharedFolder) -> None:
    """Raise `BadInputError` if this process sees another folder, or is another version of parfocal."""
    if problem := _problem(shared):
        raise BadInputError(f"a worker on {socket.gethostname()} can't be used: {problem}")


def _problem(shared: SharedFolder) -> str:
    if shared.version != parfocal.__version__:
        return f"it has parfocal {parfocal.__version__}, and this is {shared.version}: install the same"
    try:
        token = Path(shared.folder, shared.token_file).read_text(encoding="ascii")
    except OSError as error:
        token = f"({error.strerror})"
    if token != shared.token:
        return (
            f"it sees another folder at {shared.folder}: {shared.token_file} is not there {token}; name a "
            "folder that all machines have at the same place, such as one on a shared disk"
        )
    for wanted in shared.files:
        try:
            found = facts_of(wanted.path)
        except OSError as error:
            return f"it does not see {wanted.path}: {error.strerror}; put it where all machines see it"
        if found != wanted:
            return (
                f"it sees something else at {wanted.path}: {found.size} bytes, not {wanted.size}, or others"
            )
    return ""


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
