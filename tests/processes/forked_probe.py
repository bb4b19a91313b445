"""The main program of a process that tells how it finds itself, and ends as it is told on stdin."""

from __future__ import annotations

import faulthandler
import gc
import json
import logging
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any


def main() -> None:
    """Print what is so, then do what the lines on stdin say, until their end."""
    print(json.dumps({"pid": os.getpid(), "random": random.random(), "facts": facts()}), flush=True)
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        match word:
            case "exit":
                raise SystemExit(int(argument) if argument.isdigit() else argument)
            case "raise":
                raise ValueError(argument)
            case "leave":
                os._exit(int(argument))
            case "signal":
                os.kill(os.getpid(), int(argument))
            case "multiply":
                print(json.dumps(product_of(int(argument))), flush=True)


def facts() -> dict[str, Any]:
    """Return what a process may not have from the one that forked it."""
    return {
        "parent": os.getppid(),
        "leads": (os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()),
        "status": status_fields(),
        "descriptors": {name: kind_of(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")},
        "inherited": [fd for fd in range(3) if not os.get_inheritable(fd)],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "argv": sys.argv,
        "path": sys.path,
        "flags": list(sys.flags),
        "optimized": sys.flags.optimize,
        "streams": [(each.encoding, each.errors, each.isatty(), each.line_buffering) for each in streams()],
        "signals": {int(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "thread": (threading.current_thread().name, threading.active_count()),
        "faulthandler": faulthandler.is_enabled(),
        "logging": ([str(each) for each in logging.getLogger().handlers], logging.getLogger().level),
        "collects": gc.isenabled(),
        "numpy.random": "numpy.random" in sys.modules,
        "heavy": sorted({"numba", "scipy", "tensorstore", "pyarrow", "PySide6"} & set(sys.modules)),
        "niceness": os.nice(0),
    }


def status_fields() -> dict[str, Any]:
    """Return how many threads there are, and what is done with signals."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    masks = {name: int(fields[name], 16) % 2**31 for name in ("SigBlk", "SigIgn", "SigCgt")}  # not C's own
    return {**masks, **{name: fields[name] for name in ("Threads", "Umask", "NoNewPrivs", "Cpus_allowed")}}


def streams() -> list[Any]:
    """Return stdin, stdout and stderr."""
    return [sys.stdin, sys.stdout, sys.stderr]


def kind_of(path: str) -> str:
    """Return what a descriptor is of; that of the list of descriptors itself is none any more."""
    try:
        return os.readlink(path).split(":")[0]
    except OSError:
        return ""


def product_of(size: int) -> tuple[float, int]:
    """Return one element of a product of matrices, and how many threads there are then."""
    import numpy as np

    values = np.ones((size, size)) @ np.ones((size, size))
    return float(values[0, 0]), len(os.listdir("/proc/self/task"))


if __name__ == "__main__":
    main()
