"""Base of the viewers: a grab is submitted, and its data are emitted when the result has come."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

from pymodaq.control_modules.thread_commands import ThreadStatus
from pymodaq.control_modules.viewer_utility_classes import DAQ_Viewer_base, comon_parameters
from pymodaq.utils.data import DataToExport
from pymodaq_utils.utils import ThreadCommand
from qtpy.QtCore import QTimer

from pymodaq_plugins_parfocal.plugin import BOARD, BoardPlugin

if TYPE_CHECKING:
    from pymodaq.utils.data import DataFromPlugins
    from pymodaq_gui.parameter import Parameter

    from parfocal.core.errors import CommandError
    from pymodaq_plugins_parfocal.attached import AttachedBoard
    from pymodaq_plugins_parfocal.call_group import CallGroup

RETRY_MS = 500
"""How long a live grab waits after an error before it asks again."""

VIEWER = [*comon_parameters, *BOARD]


class BoardViewer(BoardPlugin, DAQ_Viewer_base):
    """Grabs without blocking, so that Stop works during a grab that lasts.

    ::

        idle ── snap ──> asking ── answer: emit ──────────> idle
             ── grab ──> asking ── answer: emit; once it is drawn ──> asking ...    live: until Stop
                         asking ── error: tell ───> idle; live: asks again after a pause
                         asking ── Stop: cancel ──> idle

    A dashboard that draws more slowly than the board measures gets fewer data, and never a growing queue.
    """

    live_mode_available = True

    def ini_attributes(self) -> None:
        """Begin idle."""
        super().ini_attributes()
        self._pending: CallGroup | None = None
        self._live = False
        self._pause_ms = 0

    @abstractmethod
    def commands(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what to ask the board for one grab."""

    @abstractmethod
    def data(self, results: list[Any]) -> list[DataFromPlugins]:
        """Return what the answers show."""

    def ini_detector(self, controller: AttachedBoard | None = None) -> tuple[str, bool]:
        """Attach to the board."""
        info, initialized = self.attach(controller)
        if initialized:
            self.write_setup()
        return info, initialized

    def grab_data(self, _averages: int = 1, live: bool = False, wait_time: int = 0, **_: Any) -> None:
        """Ask for data, and return at once; `live`: again and again, `wait_time` ms apart, until `stop`."""
        if live and self._live:
            return  # PyMoDAQ asks anew for each average; a live grab goes on by itself
        self._live, self._pause_ms = live, wait_time
        self._grab()

    def stop(self) -> None:
        """End the grab: a call that runs is cancelled, and the board is ready for the next."""
        self._live = False
        if self._pending is not None:
            self._pending.drop("stopped")
            self._pending = None

    def commit_settings(self, param: Parameter) -> None:
        """Have a grab that is under way begin again with the new settings."""
        super().commit_settings(param)
        if self._pending is not None:
            self._grab()

    def close(self) -> None:
        """End the grab, also for PyMoDAQ's worker, and let go of the board."""
        self.stop()
        if self.parent is not None:
            self.parent.grab_state = False
        self.leave()

    def _grab(self) -> None:
        if self._pending is not None:
            self._pending.drop("asked anew")
        self._pending = self.ask(self.commands(), self._take)

    def _grab_later(self, pause_ms: int) -> None:
        QTimer.singleShot(pause_ms, self._grab_again)

    def _grab_again(self) -> None:
        if self._live and self._pending is None:
            self._grab()

    def _take(self, results: list[Any], error: CommandError | None) -> None:
        self._pending = None
        if error is not None:
            self._fail(error)
            return
        self.dte_signal.emit(DataToExport(self._title, data=self.data(results)))
        if self._live:
            self._bridge.post_round(partial(self._grab_later, self._pause_ms))

    def _fail(self, error: CommandError) -> None:
        if self._live:
            self._grab_later(RETRY_MS)
        else:
            self.emit_status(ThreadCommand(ThreadStatus.STOP))
        self.tell(str(error))
