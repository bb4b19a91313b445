"""Commands submitted together, without waiting; their results are brought into the plugin's thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pymodaq_utils.logger import get_module_name, set_logger
from qtpy.QtCore import QCoreApplication, QObject, Qt, Signal, Slot

from parfocal.core.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parfocal.ipc import Call

    Then = Callable[[list[Any], CommandError | None], None]

_LOG = set_logger(get_module_name(__file__))


class SignalBridge(QObject):
    """Carries what happens in other threads into the thread of a plugin: the one that makes it."""

    _posted = Signal(object, object)
    _sent_round = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._screen = _Screen(self)
        self._posted.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._sent_round.connect(self._screen.send_back, Qt.ConnectionType.QueuedConnection)

    def post(self, to: Callable[[Any], None], what: Any) -> None:
        """Have ``to(what)`` called in the plugin's thread, soon. Any thread."""
        self._posted.emit(to, what)

    def post_round(self, to: Callable[[], None]) -> None:
        """Have ``to()`` called in the plugin's thread once the screen's has done all it was given so far."""
        self._sent_round.emit(to)

    @Slot(object, object)
    def _deliver(self, to: Callable[[Any], None], what: Any) -> None:
        try:
            to(what)
        except Exception:  # noqa: BLE001 - the border of a Qt slot: beyond it, the program would end
            _LOG.exception("%r could not take what the board said", to)


class _Screen(QObject):
    """Lives in the thread that draws, and sends back what reaches it there."""

    def __init__(self, bridge: SignalBridge) -> None:
        super().__init__()
        self._bridge = bridge
        self.moveToThread(QCoreApplication.instance().thread())

    @Slot(object)
    def send_back(self, to: Callable[[], None]) -> None:
        """Post what arrived back to the plugin's thread."""
        self._bridge.post(lambda _: to(), None)


class CallGroup:
    """Commands that were submitted together; when all have answered, `then` is called, once.

    Parameters
    ----------
    submit : callable
        Asks for a command, as `AttachedBoard.submit` does.
    bridge : SignalBridge
        Brings the answers.
    commands : sequence of (str, dict)
        Names and arguments.
    then : callable
        Called in the plugin's thread with the results in the order of the commands, and None; or, as soon as
        one of them fails, with the empty list and the error. The rest is cancelled then.
    """

    def __init__(
        self,
        submit: Callable[..., Call],
        bridge: SignalBridge,
        commands: Sequence[tuple[str, dict[str, Any]]],
        then: Then,
    ) -> None:
        self._then: Then | None = then
        self._calls: list[Call] = []
        try:
            for command, arguments in commands:
                self._calls.append(submit(command, **arguments))
        except CommandError as error:
            bridge.post(self._fail, error)
        else:
            self._left = len(self._calls)
            for call in self._calls:
                call.add_done_callback(partial(bridge.post, self._settle))

    def drop(self, reason: str) -> None:
        """Cancel what has no answer yet, without waiting; `then` is not called any more. Idempotent."""
        self._then = None
        for call in self._calls:
            call.cancel_soon(reason)

    def _settle(self, call: Call) -> None:
        if self._then is None:
            return
        error = call.exception()
        self._left -= 1
        if error is not None:
            self._fail(error)
        elif not self._left:
            self._tell([each.result() for each in self._calls], None)

    def _fail(self, error: CommandError) -> None:
        self._tell([], error)
        self.drop("another command of the same group failed")

    def _tell(self, results: list[Any], error: CommandError | None) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(results, error)
