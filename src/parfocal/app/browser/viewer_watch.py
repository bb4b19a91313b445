"""The viewers of this user, looked at every half second in a thread; closed in threads, too."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import msgspec
import psutil

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ParfocalError
from parfocal.viewers import ViewerInfo, close_viewer, list_viewers

_EVERY_S = 0.5
_log = logging.getLogger(__name__)


class ViewerLine(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer as the list shows it: what a listing tells of it, the memory and the age of its process."""

    info: ViewerInfo
    memory_mb: float
    age_s: float


class ViewerWatch:
    """Keeps a list of the viewers that run, whoever started them. No viewer is asked. Any thread.

    Attributes
    ----------
    lines : tuple of ViewerLine
        The newest list.
    problem : str
        Why the last viewer that was to be closed was not; "" if it was.
    """

    def __init__(self) -> None:
        self.lines: tuple[ViewerLine, ...] = ()
        self.problem = ""
        self._look_now = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="browser-viewers", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """Look now."""
        self._look_now.set()

    def end_viewers(self, names: Sequence[str], *, force: bool = False) -> None:
        """Close viewers, each in a thread of its own: asked first, or killed at once with `force`."""
        for name in names:
            self._in_background(lambda name=name: close_viewer(name, force=force))  # type: ignore[misc]

    def close(self) -> None:
        """Look no more. Idempotent."""
        self._closed = True
        self._look_now.set()
        self._thread.join(5.0)

    def _in_background(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
                self.problem = ""
            except (ParfocalError, OSError) as error:
                self.problem = str(error)
            self.refresh()

        threading.Thread(target=run, name="browser-close-viewer", daemon=True).start()

    def _run(self) -> None:
        while not self._closed:
            self._look_now.clear()
            try:
                self.lines = tuple(_line(info) for info in list_viewers())
            except (ParfocalError, OSError):
                _log.exception("the viewers cannot be listed")
            self._look_now.wait(_EVERY_S)


def _line(info: ViewerInfo) -> ViewerLine:
    try:
        process = psutil.Process(info.pid)
        memory_mb = process.memory_info().rss / 1e6
        age_s = max(0.0, SYSTEM_CLOCK.utc_ns() * 1e-9 - process.create_time())
    except psutil.Error:  # it has ended since it was listed
        memory_mb = age_s = 0.0
    return ViewerLine(info=info, memory_mb=memory_mb, age_s=age_s)


def age_in_words(age_s: float) -> str:
    """Return how long ago something began.

    Examples
    --------
    >>> age_in_words(7.3), age_in_words(125), age_in_words(7300), age_in_words(200_000)
    ('7 s', '2 min', '2 h', '2 d')
    """
    for unit, seconds in (("d", 86_400), ("h", 3600), ("min", 60)):
        if age_s >= seconds:
            return f"{int(age_s // seconds)} {unit}"
    return f"{int(age_s)} s"
