"""What this machine has and what was left behind on it, as plain findings."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil

from parfocal.devices.micromanager.mmcore import INSTALL, library_versions
from parfocal.processes import directory, folders, loading
from parfocal.processes.awake import how_to_allow, why_not_awake
from parfocal.processes.priority import ALLOW, why_no_real_time
from parfocal.processes.processors import why_no_own_processor
from parfocal.rig.probing import all_entries, probe

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = ("parfocal", "numpy", "numba", "pyzmq", "msgspec", "tensorstore", "pyarrow", "pydantic")
SHARED_MEMORY_WANTED = 512 * 2**20
FILES_WANTED = 1024
MEBIBYTE = 2**20
_LONGEST_BELOW_ROOT = len("/a-rig-of-twenty-chars/a-service-of-25-characters.notices")
_LONGEST_SOCKET = 103  # the least of all systems
_FIRST_USER = 1000  # below are the system's own, whose memory no logout takes


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: what was found, whether that will do, and what to do if not.

    What is not `ok`, but is not `needed` either, is worth knowing and keeps nothing from working.
    """

    what: str
    found: str
    ok: bool = True
    remedy: str = ""
    needed: bool = True


def diagnose() -> tuple[Finding, ...]:
    """Look at versions, limits, shared memory, running rigs and leftovers. Changes nothing."""
    return (
        _python(),
        *map(_library, LIBRARIES),
        _cores(),
        _shared_memory(),
        _open_files(),
        _real_time(),
        _own_processor(),
        _awake(),
        _paths(),
        _logout(),
        _micromanager(),
        *_plugins(),
        _running(),
        _leftovers(),
    )


def remove_leftovers() -> tuple[Path, ...]:
    """Remove what dead rigs left; return what was removed. Running rigs are not touched."""
    return folders.clean()


def _python() -> Finding:
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    remedy = "" if ok else "parfocal is tested with Python 3.11 to 3.13"
    return Finding(
        what="python", found=f"{platform.python_version()} on {platform.platform()}", ok=ok, remedy=remedy
    )


def _library(name: str) -> Finding:
    try:
        return Finding(what=name, found=version(name))
    except PackageNotFoundError:
        return Finding(what=name, found="missing", ok=False, remedy=f"pip install {name}")


def _cores() -> Finding:
    memory = psutil.virtual_memory()
    free, total = memory.available // MEBIBYTE, memory.total // MEBIBYTE
    found = f"{os.cpu_count()} cores, {free} of {total} MiB memory free"
    ok = (os.cpu_count() or 1) >= 2
    return Finding(
        what="machine", found=found, ok=ok, remedy="" if ok else "two cores or more keep up with a camera"
    )


def _shared_memory() -> Finding:
    root = directory.shm_root()
    where = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(where).free
    ok = free >= SHARED_MEMORY_WANTED
    remedy = "" if ok else f"free {SHARED_MEMORY_WANTED // MEBIBYTE} MiB there, or set PARFOCAL_SHM_DIR"
    return Finding(what="shared memory", found=f"{root}, {free // MEBIBYTE} MiB free", ok=ok, remedy=remedy)


def _open_files() -> Finding:
    if sys.platform == "win32":
        return Finding(what="open files", found="no limit of this kind")
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    ok = soft == resource.RLIM_INFINITY or soft >= FILES_WANTED
    return Finding(
        what="open files", found=f"limit {soft}", ok=ok, remedy="" if ok else f"ulimit -n {FILES_WANTED}"
    )


def _real_time() -> Finding:
    """Look whether services may have real-time priority: only a rig whose file asks for it needs that."""
    why = why_no_real_time()
    found = f"not for services: {why}" if why else "allowed, to services that a rig file names in real_time"
    return Finding(
        what="real-time priority", found=found, ok=not why, remedy=ALLOW if why else "", needed=False
    )


def _own_processor() -> Finding:
    """Look whether services may have a processor of their own; a rig whose file asks for it works without."""
    why = why_no_own_processor()
    found = f"none for services: {why}" if why else "one for services that a rig file names in own_processor"
    return Finding(what="own processor", found=found)


def _awake() -> Finding:
    """Look whether runs may keep processors awake: only a rig whose file asks for it needs that."""
    why = why_not_awake()
    found = f"not while runs go on: {why}" if why else "allowed, while runs of a rig with keep_awake go on"
    return Finding(
        what="processors awake", found=found, ok=not why, remedy=how_to_allow() if why else "", needed=False
    )


def _paths() -> Finding:
    """Look whether the sockets of any rig and service can have their names: systems allow few bytes."""
    root = directory.runtime_root()
    length = len(os.fsencode(root)) + _LONGEST_BELOW_ROOT
    ok = length <= _LONGEST_SOCKET
    remedy = (
        "" if ok else "set PARFOCAL_RUNTIME_DIR to a shorter folder, or keep names of rigs and services short"
    )
    return Finding(what="runtime folder", found=str(root), ok=ok, remedy=remedy, needed=False)


def _logout() -> Finding:
    """Look whether the end of this user's last session takes the shared memory of a running rig away."""
    if sys.platform != "linux" or not Path("/run/systemd/system").exists() or os.getuid() < _FIRST_USER:
        return Finding(what="logout", found="leaves running rigs alone")
    import pwd

    user = pwd.getpwuid(os.getuid()).pw_name
    ok = Path("/var/lib/systemd/linger", user).exists()
    found = "leaves running rigs alone" if ok else "may remove the shared memory of running rigs"
    remedy = "" if ok else f"loginctl enable-linger {user}"
    return Finding(what="logout", found=found, ok=ok, remedy=remedy, needed=False)


def _micromanager() -> Finding:
    """Look whether devices of Micro-Manager could be used, without importing anything of it."""
    versions = library_versions()
    if not versions:
        return Finding(what="Micro-Manager", found="missing", ok=False, remedy=INSTALL, needed=False)
    found = ", ".join(f"{name} {number}" for name, number in versions.items())
    return Finding(what="Micro-Manager", found=found)


def _plugins() -> Iterator[Finding]:
    """Yield what installed packages add, each imported in another process, as a rig would that names it."""
    entries = all_entries()
    errors = probe(entries)
    for entry in entries:
        what = f"{loading.GROUPS[entry.group]} {entry.name}"
        found = f"{entry.plugin.address} of {entry.plugin.package}"
        taken = loading.plugins(entry.group)[entry.name]
        if taken != entry.plugin:
            remedy = f"that of {taken.package} is used: remove one of the packages"
        elif error := errors[entry]:
            remedy = f"{error}; install another version of the package, or do without it"
        else:
            remedy = ""
        yield Finding(what=what, found=found, ok=not remedy, remedy=remedy, needed=False)


def _running() -> Finding:
    running = [f"{record.rig} (process {record.pid})" for record in directory.rigs()]
    return Finding(what="running rigs", found=", ".join(running) or "none")


def _leftovers() -> Finding:
    stale = folders.stale()
    found = ", ".join(str(path) for path in stale) or "none"
    return Finding(
        what="leftovers", found=found, ok=not stale, remedy="parfocal doctor --clean" if stale else ""
    )
