"""Whether what installed packages add can be used, found out in processes of their own.

Code of others may raise, print, end its process or never return when it is imported; none of that is to
reach the program that asks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from parfocal.core.errors import ParfocalError
from parfocal.processes import loading
from parfocal.processes.loading import Plugin, all_plugins, load_object
from parfocal.processes.service import Service

IMPORTS_WITHIN_S = 30.0
_AT_ONCE = 4
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from parfocal.rig.probing import main; main()"
)


class Entry(NamedTuple):
    """An entry point of an installed package: its group, its name, and what it stands for."""

    group: str
    name: str
    plugin: Plugin


def all_entries() -> list[Entry]:
    """Return everything that installed packages add. Imports nothing."""
    return [Entry(group, name, plugin) for group in loading.GROUPS for name, plugin in all_plugins(group)]


def probe(entries: Sequence[Entry], limit_s: float = IMPORTS_WITHIN_S) -> dict[Entry, str]:
    """Return for each entry what keeps it from being used, "" if nothing does.

    Parameters
    ----------
    entries : sequence of Entry
        Which.
    limit_s : float
        How long the imports of one package may take.
    """
    by_package: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_package[entry.plugin.package].append(entry)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda group: _probe_package(group, limit_s), by_package.values())
    return {entry: error for errors in found for entry, error in errors.items()}


def _probe_package(entries: list[Entry], limit_s: float) -> dict[Entry, str]:
    """Probe the entries of a package; after one that ended the process the others in another one."""
    errors: dict[Entry, str] = {}
    while left := entries[len(errors) :]:
        told, ending = _run(left, limit_s)
        errors |= dict(zip(left, told, strict=False))
        if len(told) < len(left):
            errors[left[len(told)]] = ending
    return errors


def _run(entries: list[Entry], limit_s: float) -> tuple[list[str], str]:
    """Return what a process told of the entries, and how it ended."""
    program = [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), json.dumps(entries)]
    process = subprocess.Popen(
        program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
        ending = f"importing it ended the process, with exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        ending = f"importing it takes longer than {limit_s:.10g} s"
    return [json.loads(line) for line in output.splitlines() if line.endswith(b'"')], ending


def main() -> None:
    """Tell of each entry in the arguments a line with what keeps it from being used. The child's program."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the packages print is not for the one who asks
    for group, name, (address, package) in json.loads(sys.argv[2]):
        print(json.dumps(_problem(Entry(group, name, Plugin(address, package)))), file=told, flush=True)


def _problem(entry: Entry) -> str:
    try:
        if entry.group == loading.RIGS:
            from parfocal.rig.config import load_config
            from parfocal.rig.named_rigs import installed_rig

            load_config(installed_rig(entry.name))
            return ""
        found = load_object(entry.plugin.address, "it")
    except ParfocalError as error:
        return str(error)
    if entry.group in (loading.SERVICES, loading.VIEWERS):
        is_service = isinstance(found, type) and issubclass(found, Service)
        return "" if is_service else f"{entry.plugin.address} is no class of parfocal.processes.Service"
    return "" if callable(found) else f"{entry.plugin.address} can't be called"
