"""What people call a process: a service by its title, any other by its script."""

from __future__ import annotations

import sys
from pathlib import Path

_SERVICE = "parfocal: "


def give_title(rig: str, service: str) -> None:
    """Have lists of processes show this one as a service."""
    from setproctitle import setproctitle

    setproctitle(f"{_SERVICE}{rig}/{service}")


def this_program() -> str:
    """Return the name of the service that this process runs, else that of its script, else "python"."""
    from setproctitle import getproctitle

    title = getproctitle()
    if title.startswith(_SERVICE):
        return title.rpartition("/")[2]
    script = Path(sys.argv[0] if sys.argv else "")
    name = script.parent.name if script.stem == "__main__" else script.name
    return "python" if name in ("", "-c", "-m", "-") else name
