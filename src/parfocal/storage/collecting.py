"""Asks the services of a rig for what belongs into a run's record: settings, versions, losses, files ..."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import CommandError, ParfocalError, RigNotFoundError
from parfocal.core.files import replace_file
from parfocal.processes import directory

if TYPE_CHECKING:
    from parfocal.ipc import Call, Client

ANSWER_S = 3.0
FILES_S = 10.0
_FOLDERS = 100
_DRAFTS = ".collected"
_QUESTIONS = {
    "settings": "get_settings",
    "setting_sources": "setting_sources",
    "states": "state",
    "versions": "versions",
    "losses": "losses",
}


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a service gave to the record: whose it is, its size and its SHA-256."""

    service: str
    bytes: int
    sha256: str


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What the services said at one instant.

    Attributes
    ----------
    settings, states : dict
        For each service.
    setting_sources : dict of str to (dict of str to str)
        For each service where those of its settings come from that are not as by default, by path.
    versions : dict of str to (dict of str to str)
        For each service those of the packages that it has loaded, and of what it drives.
    losses : dict of str to (dict of str to int)
        For each service what it never brought to its streams, by reason, since the rig was started.
    artifacts : dict of str to Artifact
        Files in the run's folder, by name.
    missing : dict of str to str
        What could not be had, as ``service.what``, and why.
    """

    settings: dict[str, Any] = {}
    setting_sources: dict[str, dict[str, str]] = {}
    states: dict[str, Any] = {}
    versions: dict[str, dict[str, str]] = {}
    losses: dict[str, dict[str, int]] = {}
    artifacts: dict[str, Artifact] = {}
    missing: dict[str, str] = {}


class Collector:
    """Asks all services of a rig but the recorder. Any thread may use it; one collection follows another.

    Parameters
    ----------
    rig, own : str
        The rig, and the recorder's own service.
    connect : callable
        Returns a client of a service, which lives as long as the recorder.
    files : sequence of Path
        What else belongs into each record, such as the rig's file; what is not there is left out.
    """

    def __init__(
        self, rig: str, own: str, connect: Callable[[str], Client], files: Sequence[Path] = ()
    ) -> None:
        self._rig = rig
        self._own = own
        self._connect = connect
        self._files = tuple(files)
        self._clients: dict[str, Client] = {}
        self._owners: OrderedDict[Path, dict[str, str]] = OrderedDict()  # by folder and file
        self._collecting = threading.Lock()  # clients and the folder of drafts belong to one collection

    def collect(
        self, folder: Path, *, at_end: bool, answer_s: float = ANSWER_S, files_s: float = FILES_S
    ) -> Collected:
        """Ask everybody at once; what is not answered in time is named. Waits for a collection before it.

        Parameters
        ----------
        folder : Path
            Of the run, which gets the services' files.
        at_end : bool
            Whether the run ends, or begins.
        answer_s, files_s : float
            How long answers, and files, may take.
        """
        with self._collecting:
            found, names = Collected(), self._names()
            self._forget_all_but(names)
            calls = [
                (name, what, self._ask(found, name, what, question, answer_s))
                for name in names
                for what, question in _QUESTIONS.items()
            ]
            asked = names if folder.is_dir() else ()  # one that was removed is not made again
            files = [
                (name, self._ask(found, name, "files", "save_record", files_s, _draft(folder, name), at_end))
                for name in asked
            ]
            for name, what, call in calls:
                answer = _answer(found, name, what, call)
                if answer:
                    getattr(found, what)[name] = answer
            for name, call in files:
                _answer(found, name, "files", call)
                found.artifacts.update(self._take_in(folder, name))
            shutil.rmtree(folder / _DRAFTS, ignore_errors=True)
            if not at_end:
                found.artifacts.update(self._copies(folder))
            return found

    def _copies(self, folder: Path) -> dict[str, Artifact]:
        """Copy the files that belong into each record, under their names."""
        copied = {}
        for file in self._files:
            with suppress(FileNotFoundError):
                content = file.read_bytes()
                replace_file(folder / file.name, content)
                digest = hashlib.sha256(content).hexdigest()
                copied[file.name] = Artifact(service=self._own, bytes=len(content), sha256=digest)
        return copied

    def _names(self) -> tuple[str, ...]:
        try:
            return tuple(name for name in directory.rig_record(self._rig).services if name != self._own)
        except RigNotFoundError:  # a recording without a rig, as in scripts
            return ()

    def _forget_all_but(self, names: Collection[str]) -> None:
        """Let go of services that were removed from the rig."""
        for name in self._clients.keys() - set(names):
            self._clients.pop(name).close()

    def _ask(
        self, found: Collected, name: str, what: str, command: str, timeout_s: float, *args: Any
    ) -> Call | None:
        try:
            if name not in self._clients:
                self._clients[name] = self._connect(name)
            return self._clients[name].submit(command, *args, timeout_s=timeout_s)
        except ParfocalError as error:
            found.missing[f"{name}.{what}"] = str(error)
            return None

    def _owners_in(self, folder: Path) -> dict[str, str]:
        """Return which service each file of a run is of, by its name; of the last runs, which may go on."""
        owners = self._owners.setdefault(folder, {})
        self._owners.move_to_end(folder)
        while len(self._owners) > _FOLDERS:
            self._owners.popitem(last=False)
        return owners

    def _take_in(self, folder: Path, service: str) -> dict[str, Artifact]:
        """Move a service's files to the run's folder, under its own name where another has that name."""
        taken, owners = {}, self._owners_in(folder)
        drafts = folder / _DRAFTS / service
        for draft in sorted(drafts.iterdir()) if drafts.is_dir() else ():
            path = folder / draft.name
            if owners.get(path.name, "" if path.exists() else service) != service:
                path = folder / f"{service}.{draft.name}"
            owners[path.name] = service
            with draft.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            draft.replace(path)
            taken[path.name] = Artifact(service=service, bytes=path.stat().st_size, sha256=digest)
        return taken


def since(now: Collected, before: Collected) -> dict[str, dict[str, int]]:
    """Return what each service lost between two collections, by reason.

    Examples
    --------
    >>> before = Collected(losses={"camera": {"camera": 2}})
    >>> since(Collected(losses={"camera": {"camera": 5, "late": 0}}), before)
    {'camera': {'camera': 3}}
    """
    lost = {}
    for service, reasons in now.losses.items():
        known = before.losses.get(service, {})
        new = {reason: count - known.get(reason, 0) for reason, count in reasons.items()}
        lost[service] = {reason: count for reason, count in new.items() if count > 0}
    return {service: reasons for service, reasons in lost.items() if reasons}


def _draft(folder: Path, service: str) -> str:
    draft = folder / _DRAFTS / service
    with suppress(FileNotFoundError):  # the run's folder was removed: the service will say so
        draft.parent.mkdir(exist_ok=True)
        draft.mkdir(exist_ok=True)
    return str(draft)


def _answer(found: Collected, name: str, what: str, call: Call | None) -> Any:
    if call is None:
        return None
    try:
        return call.result()
    except CommandError as error:
        found.missing[f"{name}.{what}"] = str(error)
        return None
