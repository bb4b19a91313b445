"""parfocal runs a microscope laboratory, each part in a process of its own, and counts every frame.

`open_rig` starts a laboratory from its file; `attach` joins one that runs elsewhere; `open_run` reads what a
run has recorded. Everything else is found in the subpackages, and imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parfocal.rig.opening import attach, open_rig
    from parfocal.storage.recorded_run import open_run

__all__ = ["__version__", "attach", "open_rig", "open_run"]


def __getattr__(name: str) -> Any:
    if name in ("attach", "open_rig"):
        from parfocal.rig import opening

        return getattr(opening, name)
    if name == "open_run":
        from parfocal.storage.recorded_run import open_run

        return open_run
    if name == "__version__":
        from importlib.metadata import version

        return version("parfocal")
    raise AttributeError(f"module 'parfocal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
