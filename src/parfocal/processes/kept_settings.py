"""Settings that are kept for the next starts of a rig: one YAML file in its state folder, its user's alone.

::

    settings.yaml           what is kept: for each service its settings by path
    settings.broken-N.yaml  one that could not be read, as it was found
    settings.lock           held by whoever changes it

The file is replaced in one step, on stable storage: a reader, or a crash at any instant, finds the old one or
the new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from parfocal.core.errors import ConfigError
from parfocal.core.files import replace_file
from parfocal.processes.directory import state_folder
from parfocal.processes.held_file import held_file
from parfocal.processes.locks import holder_of

_LOG = logging.getLogger(__name__)
FILE = "settings.yaml"
FORMAT = 1
_LOCKED_WITHIN_S = 10.0
_HEAD = """# Settings that rig {rig!r} takes at its next starts, in place of those of its file.
# `parfocal settings --kept` lists them, `parfocal settings SERVICE SETTING --forget` forgets one.
"""

Values = dict[str, dict[str, Any]]
"""For each service its settings by path."""


class KeptSettings(msgspec.Struct, frozen=True):
    """What is kept for a rig; `problem` says why what was found could not be read, "" if it could."""

    services: Values = {}
    problem: str = ""


class _KeptFile(msgspec.Struct, forbid_unknown_fields=True):
    """What stands in the file."""

    format: int
    services: dict[str, dict[str, Any]]


def kept_path(rig: str) -> Path:
    """Return where the settings that are kept for a rig lie; the file need not be there."""
    return state_folder(rig) / FILE


def read_kept(rig: str) -> KeptSettings:
    """Return what is kept for a rig; of a file that cannot be read nothing, and why. Changes nothing."""
    try:
        return KeptSettings(_read(kept_path(rig)))
    except ConfigError as error:
        return KeptSettings({}, f"{kept_path(rig)} cannot be read, so nothing of it is used: {error}")


def take_kept(rig: str) -> KeptSettings:
    """Return what is kept for a rig that starts; a file that cannot be read is set aside."""
    kept = read_kept(rig)
    if not kept.problem:
        return kept
    try:
        with _locked(rig):  # looked at once more: somebody may have replaced it meanwhile
            return _read_or_set_aside(rig)
    except (OSError, ConfigError):
        return kept


def keep_settings(
    rig: str, values: Mapping[str, Mapping[str, Any]], forget: Mapping[str, Iterable[str]] | None = None
) -> None:
    """Keep settings for the next starts of a rig, beside those that are kept already.

    Returns when they are on stable storage. Others may keep some at the same time.

    Parameters
    ----------
    values : mapping
        For each service its settings by path, as plain data.
    forget : mapping, optional
        For each service the paths of settings that are kept no longer, unless they are among `values`.

    Raises
    ------
    ConfigError
        If a value cannot be kept, or another process changes the file and does not end that.
    """

    def change(kept: Values) -> Values:
        fewer = {name: _without(known, (forget or {}).get(name, ())) for name, known in kept.items()}
        return fewer | {name: {**fewer.get(name, {}), **new} for name, new in values.items()}

    _change(rig, change)


def forget_settings(rig: str, service: str = "", paths: tuple[str, ...] = ()) -> Values:
    """Keep settings no longer: all of a rig, of a service, or those named; return what was forgotten.

    Raises
    ------
    ConfigError
        If another process changes the file and does not end that.
    """
    forgotten: Values = {}

    def change(kept: Values) -> Values:
        for name in [service] if service else list(kept):
            known = kept.get(name, {})
            gone = {path: value for path, value in known.items() if not paths or path in paths}
            forgotten.update({name: gone} if gone else {})
        return {name: _without(known, forgotten.get(name, ())) for name, known in kept.items()}

    if kept_path(rig).exists():
        _change(rig, change)
    return forgotten


def _without(known: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    gone = set(paths)
    return {path: value for path, value in known.items() if path not in gone}


def _change(rig: str, change: Callable[[Values], Values]) -> None:
    with _locked(rig):
        found = _read_or_set_aside(rig)
        if found.problem:
            _LOG.warning(found.problem)
        new = {name: values for name, values in change(found.services).items() if values}
        if new:
            replace_file(kept_path(rig), _written(rig, new), durable=True, private=True)
        else:
            kept_path(rig).unlink(missing_ok=True)


def _written(rig: str, values: Values) -> bytes:
    import yaml  # a few ms, which only a rig with kept settings costs

    data = {"format": FORMAT, "services": values}
    try:
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        content = (_HEAD.format(rig=rig) + text).encode()
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise ConfigError(f"{values} cannot be kept: {error}") from error
    return content


def _read(path: Path) -> Values:
    """Return what a file holds; nothing if there is none.

    Raises
    ------
    ConfigError
        If it is broken.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = msgspec.convert(data, _KeptFile)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:  # of msgspec and Unicode as well
        raise ConfigError(" ".join(str(error).split())) from error
    if found.format != FORMAT:
        raise ConfigError(f"its format is {found.format}, and this parfocal reads {FORMAT}")
    return found.services


def _read_or_set_aside(rig: str) -> KeptSettings:
    path = kept_path(rig)
    try:
        return KeptSettings(_read(path))
    except ConfigError as error:
        if not path.is_file():
            raise
        aside = next(
            each
            for number in count(1)
            if not (each := path.with_name(f"settings.broken-{number}.yaml")).exists()
        )
        path.rename(aside)
        return KeptSettings(
            {}, f"the settings kept for rig {rig!r} are broken, and set aside as {aside}: {error}"
        )


@contextmanager
def _locked(rig: str) -> Iterator[None]:
    """Hold the lock of a rig's kept settings, waiting for whoever has it."""
    lock_path = kept_path(rig).with_name("settings.lock")
    lock_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held_file(lock_path, f"settings of {rig}", _LOCKED_WITHIN_S) as held:
        if not held:
            _, pid = holder_of(lock_path)
            raise ConfigError(
                f"process {pid} changes the settings kept for rig {rig!r}; try again when it has ended"
            )
        yield
