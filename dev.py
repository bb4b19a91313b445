#!/usr/bin/env python3
"""Sets up parfocal from a bare checkout and runs it: needs a Python 3.11 or later, nothing else.

usage: python3 dev.py demo [ARGUMENTS]    set up, then `parfocal demo tweezers ARGUMENTS`
       python3 dev.py test [ARGUMENTS]    set up, then `pytest ARGUMENTS`
       python3 dev.py check               set up, then lint, format, types and layers
       python3 dev.py bench NAME [ARGS]   set up with the peers, then benchmarks/NAME.py ARGS
       python3 dev.py lock                write locks/*.txt anew from pyproject.toml

Everything lands in .venv in this folder; a second call finds it and starts at once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("lint-imports",),
)


def main(arguments: list[str]) -> int:
    """Do what the first argument names; return an exit code."""
    jobs = {"demo": demo, "test": test, "check": check, "bench": bench, "lock": lock}
    if not arguments or arguments[0] not in jobs:
        print(__doc__)
        return 0 if arguments in ([], ["-h"], ["--help"]) else 2
    return jobs[arguments[0]](arguments[1:])


def demo(arguments: list[str]) -> int:
    """Run the simulated tweezers microscope."""
    set_up("dev")
    return run(str(BIN / "parfocal"), "demo", "tweezers", *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests."""
    set_up("dev")
    return run(str(PYTHON), "-m", "pytest", *arguments)


def check(arguments: list[str]) -> int:
    """Run every check that is no test; all of them, also after one failed."""
    set_up("dev")
    return max(run(str(BIN / tool), *rest, *arguments) for tool, *rest in CHECKS)


def bench(arguments: list[str]) -> int:
    """Run one benchmark beside its peers."""
    known = sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in known:
        print(f"dev.py: name a benchmark: {', '.join(known)}", file=sys.stderr)
        return 2
    set_up("dev", "peers")
    return run(str(PYTHON), str(ROOT / "benchmarks" / f"{arguments[0]}.py"), *arguments[1:])


def lock(arguments: list[str]) -> int:
    """Resolve pyproject.toml into exact versions with hashes, for all systems and Pythons."""
    make_environment()
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet"]
    groups = {"dev": ["--group", "dev"], "peers": ["--group", "peers", "-c", "locks/dev.txt"]}
    compile_ = [str(PYTHON), "-m", "uv", "pip", "compile", "pyproject.toml"]
    for name, group in groups.items():
        code = run(*compile_, *group, *options, *arguments, "-o", f"locks/{name}.txt")
        if code:
            return code
    return 0


def set_up(*locks: str) -> None:
    """Bring .venv to what the locks say, unless it is there already."""
    wanted = fingerprint(locks)
    stamp = VENV / "parfocal-setup.txt"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    make_environment()
    say(f"installing the locked packages ({', '.join(locks)}) and parfocal itself into {VENV.name}")
    files = [word for name in locks for word in ("-r", str(ROOT / "locks" / f"{name}.txt"))]
    install = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--python", str(PYTHON)]
    must(*install, "--require-hashes", *files)
    must(*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    say("compiling the numerics, once")
    must(str(PYTHON), "-c", "from parfocal.tracking import warm_up; warm_up()")
    stamp.write_text(wanted)


def make_environment() -> None:
    """Make .venv with uv in it."""
    if sys.version_info < (3, 11):
        found = sys.version.split()[0]
        sys.exit(f"dev.py: needs Python 3.11 or later; this is {found}. Try python3.12 dev.py")
    if not PYTHON.exists():
        need_ensurepip()
        say(f"making a Python environment in {VENV.name}")
        venv.create(VENV, with_pip=True)
    if run(str(PYTHON), "-c", "import uv", quiet=True):
        say("installing uv, which installs the rest")
        must(str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")


def need_ensurepip() -> None:
    """Debian leaves ensurepip out of python3: install the package that has it, or say how."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python3.{sys.version_info.minor}-venv"
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say(f"installing the system package {package}")
        must("apt-get", "update", "-qq")
        must("apt-get", "install", "-y", "-qq", package)
        return
    sys.exit(f"dev.py: this Python cannot make environments; run: sudo apt-get install {package}")


def fingerprint(locks: tuple[str, ...]) -> str:
    """Return what .venv must have been set up from."""
    files = [ROOT / "pyproject.toml", *(ROOT / "locks" / f"{name}.txt" for name in locks)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return f"{digest} {' '.join(locks)}\n"


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
