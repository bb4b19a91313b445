"""What the engine of a rig says of one run, asked for in a thread of its own; picked cells are sent there."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from parfocal.core.errors import CommandError, ParfocalError
from parfocal.core.run_status import RunStatus
from parfocal.processes import directory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.ipc import Client

SERVICE = "runs"
"""Of the rig: it carries out runs."""
_ASK_EVERY_S, _ENDED_EVERY_S = 0.25, 2.0
_ANSWERS_WITHIN_S = 2.0
_TRIES = 20
"""How often the name of a channel is asked for: an engine that restarts, or is held up, answers later."""
Wish = tuple[str, int, tuple[int, ...]]


class RunLink:
    """The status of a run, never older than about a quarter of a second, and the names of its channels.

    Nothing here blocks whoever calls it. What the engine is asked is what every handle asks of it.

    Parameters
    ----------
    rig, run : str
        Which run of which rig; neither need be there yet.

    Attributes
    ----------
    status : RunStatus or None
        How the run was when it was last told; None before that.
    channels : dict of int to str
        Names by the index along c, of those that were asked for; "" where there is none.
    history : str or None
        The address of what reads the record (`parfocal.viewers.run_history`), "" for none; None before that
        was told.
    problem : str
        Why the last wish failed; "" if it did not.
    """

    def __init__(self, rig: str, run: str) -> None:
        self.rig, self.run = rig, run
        self.status: RunStatus | None = None
        self.channels: dict[int, str] = {}
        self.history: str | None = None
        self.problem = ""
        self._wanted: set[int] = set()
        self._wishes: queue.Queue[Wish | None] = queue.Queue(maxsize=1000)
        self._unanswered: list[Wish] = []
        self._tries: dict[int, int] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"run {run} of {rig}", daemon=True)
        self._thread.start()

    def want_channel(self, c: int, number: int) -> None:
        """Have the name of a channel asked for, by an event that is exposed with it."""
        if c not in self._wanted:
            self._wanted.add(c)
            self._wish("channel", c, (number,))

    def pick(self, p: int, particles: Iterable[int]) -> None:
        """Ask that these particles of a position are picked for the next stimulus."""
        self._wish("pick", p, tuple(particles))

    def close(self) -> None:
        """Have the thread end; never waits for it: an engine that hangs may hold it for a few seconds."""
        self._closing.set()
        with suppress(queue.Full):  # then there is something to wake it by
            self._wishes.put_nowait(None)

    def wait(self, timeout_s: float) -> bool:
        """Block until the thread has ended; return False if `timeout_s` passed first."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _wish(self, what: str, number: int, values: tuple[int, ...]) -> None:
        try:
            self._wishes.put_nowait((what, number, values))
        except queue.Full:
            self.problem = f"{self.rig}/{SERVICE} does not answer"

    def _follow(self) -> None:
        client = directory.connect(self.rig, SERVICE)
        try:
            while not self._closing.is_set():
                self._ask(client)
                ended = self.status is not None and self.status.ended
                try:
                    wish = self._wishes.get(timeout=_ENDED_EVERY_S if ended else _ASK_EVERY_S)
                except queue.Empty:
                    unanswered, self._unanswered = self._unanswered, []
                    for each in unanswered:
                        self._carry_out(client, *each)
                    continue
                if wish is not None:
                    self._carry_out(client, *wish)
        finally:
            client.close()

    def _ask(self, client: Client) -> None:
        try:
            self.status = client.call("status", self.run, timeout_s=_ANSWERS_WITHIN_S, returns=RunStatus)
            if self.history is None:
                settings = client.call("get_settings", timeout_s=_ANSWERS_WITHIN_S)
                self.history = str(settings.get("history", ""))
        except (CommandError, OSError):
            return  # it starts, is being restarted, or is gone: what was known stays

    def _carry_out(self, client: Client, what: str, number: int, values: tuple[int, ...]) -> None:
        try:
            if what == "pick":
                client.call("pick_cells", self.run, list(values), number, timeout_s=_ANSWERS_WITHIN_S)
            else:
                events = client.call("events", self.run, values[0], 1, timeout_s=_ANSWERS_WITHIN_S)
                self.channels[number] = events[0].get("channel", "") if events else ""
            self.problem = ""
        except (ParfocalError, OSError) as error:
            self.problem = str(error).splitlines()[0]
            if what == "channel":
                self._tries[number] = self._tries.get(number, 0) + 1
                if self._tries[number] < _TRIES:
                    self._unanswered.append((what, number, values))
                else:
                    self.channels[number] = ""
