"""What a camera was set to by commands: its next process sets it again, so that a crash changes no image."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from parfocal.core.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_LOG = logging.getLogger(__name__)


class SetByCommand(NamedTuple):
    """A command that set something, and its arguments."""

    method: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


class _Memory(msgspec.Struct):
    """The file: whose it is, the options that the camera was opened with, and the commands since then."""

    owner: int
    device: str
    options: dict[str, Any]
    commands: list[SetByCommand]


class CameraMemory:
    """The last call of each command that set a camera, in the order in which they were called.

    Thread-safe. A file that fails is logged, never raised. A command with the name of a setting among its
    arguments is remembered for each such name. What a person has changed among the options since goes before
    the command that sets the same.

    Parameters
    ----------
    path : Path
        The file.
    owner : int
        Pid of the rig's main process: what was set for another one counts no more.
    device, options : str, mapping
        Which camera, and what it was opened with.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "camera.set"
    ...     CameraMemory(path, 1, "mine", {"exposure_ms": 5.0}).note("set_exposure_ms", {"exposure_ms": 2.0})
    ...     same = CameraMemory(path, 1, "mine", {"exposure_ms": 5.0}).commands()
    ...     other = CameraMemory(path, 1, "mine", {"exposure_ms": 7.0}).commands()
    >>> [str(command) for command in same], other
    (['set_exposure_ms(exposure_ms=2.0)'], [])
    """

    def __init__(self, path: Path, owner: int, device: str, options: Mapping[str, Any]) -> None:
        self._path = path
        self._lock = threading.Lock()
        known = _load(path)
        self._memory = _Memory(owner, device, dict(options), [])
        if known is not None and (known.owner, known.device) == (owner, device):
            self._memory.commands = [
                each for each in known.commands if not _is_outdated(each, known.options, options)
            ]

    def commands(self) -> list[SetByCommand]:
        """Return what was set, in the order in which that is to be done again."""
        with self._lock:
            return list(self._memory.commands)

    def note(self, method: str, arguments: Mapping[str, Any]) -> None:
        """Take note that a command has set something."""
        new = SetByCommand(method, dict(arguments))
        with self._lock:
            if new in self._memory.commands[-1:]:
                return
            self._change(lambda each: _place(each) != _place(new), new)

    def forget(self, wanted: Callable[[SetByCommand], bool] = lambda _: True) -> None:
        """Drop what was set, or those commands that are wanted."""
        with self._lock:
            self._change(lambda each: not wanted(each))

    def _change(self, kept: Callable[[SetByCommand], bool], *new: SetByCommand) -> None:
        self._memory.commands = [*filter(kept, self._memory.commands), *new]
        try:
            replace_file(self._path, msgspec.json.encode(self._memory))
        except (OSError, TypeError, ValueError) as error:  # a full folder; an argument that JSON has not
            self._path.unlink(missing_ok=True)
            _LOG.error("what the camera is set to cannot be kept for a crash: %s", error)


def _load(path: Path) -> _Memory | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Memory)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        _LOG.error("what the camera was set to cannot be read: %s: %s", path, error)
        return None


def _place(command: SetByCommand) -> tuple[str, tuple[str, ...]]:
    """Return what a command sets: two calls of one place are one after the other, the later one counts."""
    named = [value for name, value in command.arguments.items() if name == "name" and isinstance(value, str)]
    return command.method, tuple(named)


def _is_outdated(command: SetByCommand, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the option was changed that says the same; of a named value, whether any was."""
    if "name" in command.arguments:
        return before != now
    name = command.method.removeprefix("set_").removeprefix("clear_")
    return before.get(name) != now.get(name)
