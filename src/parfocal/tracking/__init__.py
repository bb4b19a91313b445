"""Numbers from images of beads: pure functions and small classes on arrays; knows no processes.

Names are imported when they are first used: who only needs the layout of a row does not load the compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parfocal.tracking.bound import cramer_rao
    from parfocal.tracking.build import ZTableBuilder
    from parfocal.tracking.find import find_beads, find_candidates
    from parfocal.tracking.rows import ROW_DTYPE, Flag
    from parfocal.tracking.template import find_like
    from parfocal.tracking.tracker import BeadTracker
    from parfocal.tracking.warmup import warm_up
    from parfocal.tracking.ztable import ZTables, load_tables, save_tables

_MODULES = {
    "ROW_DTYPE": "rows",
    "BeadTracker": "tracker",
    "Flag": "rows",
    "ZTableBuilder": "build",
    "ZTables": "ztable",
    "cramer_rao": "bound",
    "find_beads": "find",
    "find_candidates": "find",
    "find_like": "template",
    "load_tables": "ztable",
    "save_tables": "ztable",
    "warm_up": "warmup",
}

__all__ = [
    "ROW_DTYPE",
    "BeadTracker",
    "Flag",
    "ZTableBuilder",
    "ZTables",
    "cramer_rao",
    "find_beads",
    "find_candidates",
    "find_like",
    "load_tables",
    "save_tables",
    "warm_up",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'parfocal.tracking' has no attribute {name!r}")
    return getattr(import_module(f"parfocal.tracking.{_MODULES[name]}"), name)
