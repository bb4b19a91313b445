"""The desktop as a program of its own, which measures how late the turns of its event loop are.

``python _desktop_window.py RIG WIDTH HEIGHT`` shows the rig, and reads orders from stdin, a line each; it
answers each with a line of JSON:

    ready            once the rig is shown: every dock that can be seen has its panel, the live view its image
    tile             puts all docks side by side, none behind another one
    measure SECONDS  lags of the loop, ms; percent of a core; when the field of the exposure changed
    end              closes the window
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from queue import Queue

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from parfocal.app.desktop.dock_area import DockArea
from parfocal.app.desktop.kept_window import KeptFile
from parfocal.app.desktop.window import DesktopWindow
from parfocal.app.window_program import window_application

PROBE_MS = 5
IN_A_ROW = 4


class LoopProbe:
    """Asks to be called every 5 ms, and takes down how late each of these calls is, also those left out."""

    def __init__(self, look: Callable[[float], None]) -> None:
        self.lags_ms: list[float] = []
        self._look = look
        self._due_s = time.monotonic()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._turn)
        self._timer.start(PROBE_MS)

    def _turn(self) -> None:
        now_s = time.monotonic()
        while self._due_s <= now_s:
            self.lags_ms.append(1e3 * (now_s - self._due_s))
            self._due_s += PROBE_MS / 1e3
        self._look(now_s)


class Orders(QObject):
    """Lines of stdin, read in a thread, told in the thread of the window."""

    came = Signal(str)

    def begin(self) -> None:
        """Read, once somebody listens."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self.came.emit(line.strip())
        self.came.emit("end")


class MeasuredWindow:
    """A window over a rig, and what is measured of it."""

    def __init__(self, rig: str, width: int, height: int) -> None:
        self.window = DesktopWindow(KeptFile())
        self.window.resize(width, height)
        self.window.show()
        self.window.show_rig(rig)
        self.seen: list[tuple[float, float]] = []
        self.probe = LoopProbe(self._look)
        self.waiting: Queue[str] = Queue()
        self.orders = Orders()
        self.orders.came.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self.orders.begin()

    def _look(self, now_s: float) -> None:
        """Take down when the field of the exposure shows another value; answer who waits."""
        area = self.window.area
        if not self.waiting.empty() and area is not None and area.is_laid_out and has_painted(area):
            self.waiting.get()
            answer(ready_s=now_s)
        if area is None or (dock := area.docks.get("instruments")) is None or dock.panel is None:
            return
        shown = dock.panel.services.get("camera")
        field = None if shown is None else shown.controls.editors.get("exposure_ms")
        value = None if field is None else field.value
        if value is not None and (not self.seen or self.seen[-1][0] != value):
            self.seen.append((value, now_s))

    def _take(self, order: str) -> None:
        words = order.split()
        if words[0] == "ready":
            self.waiting.put(order)
        elif words[0] == "tile":
            tile(self.window.area)
            answer(docks=len(self.window.area.docks))
        elif words[0] == "measure":
            self.probe.lags_ms.clear()
            begin = time.monotonic(), time.process_time()
            QTimer.singleShot(round(1e3 * float(words[1])), partial(self._measured, *begin))
        else:
            self.window.close()
            window_application().exit(0)

    def _measured(self, began_s: float, cpu_s: float) -> None:
        percent = 100 * (time.process_time() - cpu_s) / (time.monotonic() - began_s)
        answer(lags_ms=self.probe.lags_ms, cpu_percent=percent, seen=self.seen)


def answer(**facts: object) -> None:
    """Answer an order."""
    print(json.dumps(facts), flush=True)


def has_painted(area: DockArea) -> bool:
    """Return whether every dock that can be seen has its panel, and there is an image in the live view."""
    seen = [dock for dock in area if dock.is_seen]
    live = [dock for dock in seen if dock.objectName().startswith("live")]
    return (
        bool(live)
        and all(dock.panel for dock in seen)
        and all(each.panel.pane.shown.image is not None for each in live)
    )


def tile(area: DockArea) -> None:
    """Have all docks side by side, none behind another one."""
    docks = [dock for dock in area if not dock.objectName().startswith("live")]
    live = [dock for dock in area if dock not in docks]
    rows: list[list] = [live + docks[:IN_A_ROW]]
    rows += [docks[first : first + IN_A_ROW] for first in range(IN_A_ROW, len(docks), IN_A_ROW)]
    for dock in area:
        dock.setFloating(False)
        area.removeDockWidget(dock)
    for row in rows:
        area.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, row[0], Qt.Orientation.Vertical)
    for row in rows:
        for before, dock in pairwise(row):
            area.splitDockWidget(before, dock, Qt.Orientation.Horizontal)
    for dock in area:
        dock.show()


def main() -> None:
    """Show the window until it is told to end."""
    rig, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    application = window_application()
    measured = MeasuredWindow(rig, width, height)
    application.exec()
    measured.window.close_all()
    measured.window.file.close()


if __name__ == "__main__":
    main()
