"""The record of a script: its file and helpers, what it printed, what it did, and how that ended."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.files import replace_file
from parfocal.core.known_types import known
from parfocal.core.run_status import RunCommand

if TYPE_CHECKING:
    import logging
    from typing import BinaryIO

    from parfocal.core.clock import Clock
    from parfocal.runs.scripts.script_source import ScriptSource

FILE = "script.json"
LOG = "script.log"
SOURCES = "script"
RUNNING = "running"
_MOST_STEPS = 1000


class RecordedStep(msgspec.Struct, frozen=True):
    """A step: what it was, its number, of how many (0: nobody knew); when it began, s since 1970 UTC."""

    text: str
    number: int
    of: int
    at: float


class RecordedChild(msgspec.Struct, frozen=True):
    """A run that the script started: its name, where its own record is, and how it ended."""

    run: str
    folder: str = ""
    outcome: str = ""
    reason: str = ""


class ScriptDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What ``script.json`` holds.

    Attributes
    ----------
    rig, run : str
        Which run of which rig.
    path : str
        Where the script was.
    hashes : dict of str to str
        SHA-256 of its file and of its helpers, copies of which lie in the folder ``script``.
    outcome, reason : str
        How it ended; "running" until it has.
    created_at, started_at, finished_at : float or None
        Seconds since 1970 UTC.
    notes : dict
        What was given with it.
    steps : tuple of RecordedStep
        The last 1000.
    steps_begun : int
        How many there were.
    children : tuple of RecordedChild
        The runs that it started.
    commands : tuple of RunCommand
        What was asked of it, and what others did to the services that it held.
    """

    format: int = 1
    rig: str
    run: str
    path: str
    hashes: dict[str, str]
    outcome: str = RUNNING
    reason: str = ""
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    notes: dict[str, Any] = {}
    steps: tuple[RecordedStep, ...] = ()
    steps_begun: int = 0
    children: tuple[RecordedChild, ...] = ()
    commands: tuple[RunCommand, ...] = ()


class ScriptRecord:
    """The record of one script, in a new folder of its own. One thread at a time.

    Parameters
    ----------
    parent : Path
        Where the folder is made.
    document : ScriptDocument
        What is known at its begin.
    script : ScriptSource
        What is copied.
    clock : Clock
        Names the folder.

    Raises
    ------
    BadInputError
        If it can't be made there; names the folder.
    """

    def __init__(self, parent: Path, document: ScriptDocument, script: ScriptSource, clock: Clock) -> None:
        self.document, self._written = document, document
        moment = datetime.fromtimestamp(clock.utc_ns() // 10**9, UTC).strftime("%Y-%m-%dT%H-%M-%S")
        try:
            self.folder = _new_folder(parent, f"{moment}_{document.run}")
            for name, text in {script.name: script.text, **script.helpers}.items():
                copy = self.folder / SOURCES / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(text, encoding="utf-8")
            self._write()
        except OSError as error:
            raise BadInputError(f"the record of a script can't be made in {parent}: {error}") from error

    def open_log(self) -> BinaryIO:
        """Return the file that takes what the script prints."""
        return (self.folder / LOG).open("ab")

    def change(self, **changes: Any) -> None:
        """Take note of more; `keep` writes it."""
        self.document = msgspec.structs.replace(self.document, **changes)

    def add_step(self, step: RecordedStep) -> None:
        """Take note of a step."""
        begun = self.document.steps_begun + 1
        self.change(steps=(*self.document.steps, step)[-_MOST_STEPS:], steps_begun=begun)

    def keep(self, log: logging.Logger) -> None:
        """Write down what has changed; what a disk refuses is logged, and tried again with the next."""
        if self.document is self._written:
            return
        try:
            self._write()
        except OSError as error:
            log.error("the record of script %s can't be written: %s", self.document.run, error)

    def _write(self) -> None:
        document = self.document
        content = msgspec.json.format(msgspec.json.encode(document), indent=2)
        replace_file(self.folder / FILE, content, durable=document.outcome != RUNNING)
        self._written = document


def close_left_record(folder: Path, reason: str, at: float) -> None:
    """Close the record of a script whose engine died."""
    file = folder / FILE
    document = msgspec.json.decode(file.read_bytes(), type=ScriptDocument)
    if document.outcome == RUNNING:
        ended = msgspec.structs.replace(document, outcome="failed", reason=reason, finished_at=at)
        replace_file(file, msgspec.json.format(msgspec.json.encode(ended), indent=2), durable=True)


def _new_folder(parent: Path, name: str) -> Path:
    """Make a folder that did not exist: `name`, or the first free of ``name-2``, ``name-3``..."""
    parent.mkdir(parents=True, exist_ok=True)
    safe = "".join(letter if letter.isalnum() or letter in "._+-" else "-" for letter in name)
    number = 1
    while True:
        folder = parent / (safe if number == 1 else f"{safe}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


known(ScriptDocument)
