#!/usr/bin/env python3
"""Sets up parfocal from a bare checkout and runs it: needs a Python 3.11 or later, nothing else.

usage: python3 dev.py demo [ARGUMENTS]       set up, then `parfocal demo tweezers ARGUMENTS`
       python3 dev.py app [ARGUMENTS]        set up, then `parfocal app ARGUMENTS`: a laboratory in a window
       python3 dev.py test [ARGUMENTS]       set up, then `pytest -n 2 ARGUMENTS`; with -n 0 in one process
       python3 dev.py strangers [ARGUMENTS]  set up programs of others, then `pytest -m strangers ARGUMENTS`
       python3 dev.py networks [ARGUMENTS]   set up Cellpose and StarDist, then `pytest -m networks ARGUMENTS`
       python3 dev.py plugins [ARGUMENTS]    set up PyMoDAQ, then its checks and tests of our plugins
       python3 dev.py check                  set up, then lint, format, types and layers
       python3 dev.py bench NAME [ARGS]      set up with the peers, then benchmarks/NAME.py ARGS
       python3 dev.py benchmarks [ARGUMENTS] the same for all in short forms: `pytest -m benchmarks ARGUMENTS`
       python3 dev.py lock                   write locks/*.txt anew from pyproject.toml

Everything lands in .venv and .venv-* in this folder; a second call finds it and starts at once.
"""

from __future__ import annotations

import ctypes.util
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent


class Environment(NamedTuple):
    """A folder of Python packages: all of its locks, our own distributions, and what Linux must have."""

    folder: str
    locks: tuple[str, ...]  # each a dependency group of pyproject.toml, a later one fitted to the earlier
    ours: tuple[str, ...] = (".",)  # folders, installed editable: the locks have hatchling and editables
    system: Mapping[str, str] = {}


# Debian's packages, and the library or program by which any Linux shows that it has the same.
QT = {
    "libegl1": "EGL",
    "libgl1": "GL",
    "libxkbcommon0": "xkbcommon",
    "libdbus-1-3": "dbus-1",
    "libfontconfig1": "fontconfig",
    "libxcb-cursor0": "xcb-cursor",
    "libxcb-icccm4": "xcb-icccm",
    "libxcb-image0": "xcb-image",
    "libxcb-keysyms1": "xcb-keysyms",
    "libxcb-render-util0": "xcb-render-util",
    "libxkbcommon-x11-0": "xkbcommon-x11",
    "xvfb": "Xvfb",
}
ENVIRONMENTS = {
    "dev": Environment(".venv", ("dev",)),
    "bench": Environment(".venv", ("dev", "peers")),
    "strangers": Environment(".venv-strangers", ("strangers",), ours=(), system=QT),
    "networks": Environment(".venv-networks", ("networks",)),
    "pymodaq": Environment(
        ".venv-pymodaq", ("pymodaq",), ours=(".", "plugins/pymodaq_plugins_parfocal"), system=QT
    ),
}
BENCHES = {"dashboards": "pymodaq"}  # whose environment is another than "bench"
STRANGERS = ("strangers",)  # tests find their Pythons in PARFOCAL_STRANGERS_PYTHON and so on
# Whole files, in the order of their names: so the many short ones of src come last, and both end together.
# `-n 0` after them is stronger: all in one process.
IN_TWO_PROCESSES = ("--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder")
CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("lint-imports",),
)


def main(arguments: list[str]) -> int:
    """Do what the first argument names; return an exit code."""
    known = (demo, app, test, strangers, networks, plugins, check, bench, benchmarks, lock)
    jobs = {job.__name__: job for job in known}
    if not arguments or arguments[0] not in jobs:
        print(__doc__)
        return 0 if arguments in ([], ["-h"], ["--help"]) else 2
    return jobs[arguments[0]](arguments[1:])


def demo(arguments: list[str]) -> int:
    """Run the simulated tweezers microscope."""
    return run(program(set_up("dev"), "parfocal"), "demo", "tweezers", *arguments)


def app(arguments: list[str]) -> int:
    """Show a laboratory in one window, which needs Qt's libraries of the system."""
    need_system(missing(QT))
    return run(program(set_up("dev"), "parfocal"), "app", *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests in two processes; those of windows need Qt's libraries of the system."""
    need_system(missing(QT))
    return run(set_up("dev"), "-m", "pytest", *IN_TWO_PROCESSES, *arguments)


def strangers(arguments: list[str]) -> int:
    """Run the tests that need programs of others, each set up in an environment of its own."""
    python = set_up("dev")
    os.environ.update({f"PARFOCAL_{name.upper()}_PYTHON": set_up(name) for name in STRANGERS})
    return run(python, "-m", "pytest", "-m", "strangers", *arguments)


def networks(arguments: list[str]) -> int:
    """Run the tests that need Cellpose and StarDist, which are some gigabytes."""
    python = set_up("dev")
    os.environ["PARFOCAL_NETWORKS_PYTHON"] = set_up("networks")
    return run(python, "-m", "pytest", "-m", "networks", "tests/analysis", *arguments)


def plugins(arguments: list[str]) -> int:
    """Ask PyMoDAQ about our plugins, and run their tests in it."""
    python = set_up("pymodaq")
    folder = ENVIRONMENTS["pymodaq"].ours[-1]
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    code = run(program(python, "check_plugin"), Path(folder).name, "--fail-on", "warning")
    return max(code, run(python, "-m", "pytest", "-c", f"{folder}/pyproject.toml", *(arguments or [folder])))


def check(arguments: list[str]) -> int:
    """Run every check that is no test; all of them, also after one failed."""
    python = set_up("dev")
    return max(run(program(python, tool), *rest, *arguments) for tool, *rest in CHECKS)


def bench(arguments: list[str]) -> int:
    """Run one benchmark beside its peers."""
    known = sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in known:
        print(f"dev.py: name a benchmark: {', '.join(known)}", file=sys.stderr)
        return 2
    python = set_up(BENCHES.get(arguments[0], "bench"))
    return run(python, str(ROOT / "benchmarks" / f"{arguments[0]}.py"), *arguments[1:])


def benchmarks(arguments: list[str]) -> int:
    """Run every benchmark in its short form beside its peers, and check what it prints."""
    elsewhere = {name: set_up(name) for name in sorted(set(BENCHES.values()))}
    os.environ.update({f"PARFOCAL_{name.upper()}_PYTHON": python for name, python in elsewhere.items()})
    return run(set_up("bench"), "-m", "pytest", "-m", "benchmarks", *(arguments or ["tests/benchmarks"]))


def lock(arguments: list[str]) -> int:
    """Resolve pyproject.toml into exact versions with hashes, for all systems and Pythons."""
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet"]
    python = with_uv()
    for name, sources in lock_sources().items():
        must(python, "-m", "uv", "pip", "compile", *sources, *options, *arguments, "-o", f"locks/{name}.txt")
    return 0


def lock_sources() -> dict[str, list[str]]:
    """Return what each lock is resolved from: a group, our own needs beside it, and the locks it must fit."""
    sources: dict[str, list[str]] = {}
    for environment in ENVIRONMENTS.values():
        ours = ["pyproject.toml"] if environment.ours else []
        for place, name in enumerate(environment.locks):
            fitted = [
                word for earlier in environment.locks[:place] for word in ("-c", f"locks/{earlier}.txt")
            ]
            sources[name] = [*ours, "--group", name, *fitted]
    return sources


def set_up(name: str) -> str:
    """Bring an environment to what its locks say, unless it is there already; return its Python."""
    environment = ENVIRONMENTS[name]
    wanted = fingerprint(environment)
    stamp = ROOT / environment.folder / "parfocal-setup.txt"
    python = python_in(environment.folder)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    need_system(missing(environment.system))
    install = [
        with_uv(),
        *["-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python"],
        make(environment.folder),
    ]
    say(f"installing the locked packages ({', '.join(environment.locks)}) into {environment.folder}")
    must(*install, "--require-hashes", *(f"--requirements=locks/{lock}.txt" for lock in environment.locks))
    for folder in environment.ours:
        must(*install, "--no-deps", "--no-build-isolation", "--editable", folder)
        must(python, "-m", "compileall", "-q", f"{folder}/src")
    if environment.ours:
        say("compiling the numerics, once")
        must(python, "-c", "from parfocal.tracking import warm_up; warm_up()")
    stamp.write_text(wanted)
    return python


def with_uv() -> str:
    """Return a Python that has uv, which installs the rest: that of .venv, made if need be."""
    python = make(ENVIRONMENTS["dev"].folder)
    if run(python, "-c", "import uv", quiet=True):
        say("installing uv, which installs the rest")
        must(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")
    return python


def make(folder: str) -> str:
    """Make an empty environment, unless it is there; return its Python."""
    if sys.version_info < (3, 11):
        found = sys.version.split()[0]
        sys.exit(f"dev.py: needs Python 3.11 or later; this is {found}. Try python3.12 dev.py")
    python = python_in(folder)
    if not Path(python).exists():
        if not importlib.util.find_spec("ensurepip"):  # Debian leaves it out of python3
            need_system([f"python3.{sys.version_info.minor}-venv"])
        say(f"making a Python environment in {folder}")
        venv.create(ROOT / folder, with_pip=True)
    return python


def need_system(packages: list[str]) -> None:
    """Install Debian packages, or say how."""
    if not packages:
        return
    names = " ".join(packages)
    if not (shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0):
        sys.exit(
            f"dev.py: this system lacks {names}; on Debian or Ubuntu, run: sudo apt-get install -y {names}"
        )
    say(f"installing the system packages {names}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    must("apt-get", "update", "-qq")
    must("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)


def missing(system: Mapping[str, str]) -> list[str]:
    """Return the Debian packages whose library or program this Linux does not have."""
    if sys.platform != "linux":
        return []
    shows = (ctypes.util.find_library, shutil.which)
    return [package for package, shown in system.items() if not any(look(shown) for look in shows)]


def fingerprint(environment: Environment) -> str:
    """Return what an environment must have been set up from."""
    ours = [f"{folder}/pyproject.toml" for folder in (".", *environment.ours[1:])]
    files = [ROOT / name for name in (*ours, *(f"locks/{name}.txt" for name in environment.locks))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return f"{digest} {' '.join(environment.locks)}\n"


def python_in(folder: str) -> str:
    """Return the Python of an environment."""
    return str(ROOT / folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def program(python: str, name: str) -> str:
    """Return a program that is installed beside a Python."""
    return str(Path(python).with_name(name))


def say(text: str) -> None:
    """Tell what is being done."""
    print(f"dev.py: {text} ...", flush=True)


def run(*command: str, quiet: bool = False) -> int:
    """Run a command in this folder; return its exit code."""
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=ROOT, check=False, stdout=output, stderr=output).returncode


def must(*command: str) -> None:
    """Run a command that has to succeed."""
    code = run(*command)
    if code:
        sys.exit(f"dev.py: `{' '.join(command)}` failed with exit code {code}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
