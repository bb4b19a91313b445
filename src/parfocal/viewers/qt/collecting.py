"""Python's garbage in a program with windows: collected in their thread, and in no other."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

if TYPE_CHECKING:
    from PySide6.QtCore import QCoreApplication

_LOOKS_MS = 100
_COLLECTS = "parfocal_collects"


def collect_in_this_thread(application: QCoreApplication) -> None:
    """Have garbage collected between two events of the application, in the thread that calls. Idempotent.

    Python collects in whichever thread happens to make the object that is one too many. Where that finds a
    closed window, Qt's widgets are deleted in a thread of ours while Qt goes through them in its own, and it
    crashes, now or later. What there is already is of the program's whole life: it is not looked at again.
    """
    if application.property(_COLLECTS):
        return
    application.setProperty(_COLLECTS, True)
    gc.collect()
    gc.freeze()
    gc.disable()
    timer = QTimer(application)
    timer.timeout.connect(_collect_what_is_due)
    timer.start(_LOOKS_MS)


def _collect_what_is_due() -> None:
    """Collect as Python would: the younger generations more often."""
    for generation in (2, 1, 0):
        if gc.get_count()[generation] > gc.get_threshold()[generation]:
            gc.collect(generation)
            return
