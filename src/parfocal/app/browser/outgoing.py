"""Rows on their way to viewers, one batch after the other, in a process of its own. Any thread."""

from __future__ import annotations

import threading
from collections import deque

from parfocal.app.browser.browser_worker import BrowserWorker
from parfocal.app.browser.messages import Answer, SendRows, Sent


class Outgoing:
    """Sends rows to viewers, which may still start; nothing here waits for one.

    Attributes
    ----------
    status : str
        What was sent last and how far that is, in a line for people; "" before anything was.
    problem : str
        What went wrong with it.
    """

    def __init__(self) -> None:
        self.status = self.problem = ""
        self._lock = threading.Lock()
        self._waiting: deque[SendRows] = deque()
        self._sending: SendRows | None = None
        self._worker = BrowserWorker(self._take)

    @property
    def is_sending(self) -> bool:
        """Whether anything is still to be sent."""
        return self._sending is not None

    def send(self, request: SendRows) -> None:
        """Send rows when those before have been sent."""
        with self._lock:
            self._waiting.append(request)
            following = self._next()
        self._ask(following)

    def stop(self) -> None:
        """Send nothing more of what was asked for; images that the viewer has stay there."""
        with self._lock:
            self._waiting.clear()
            was_sending = self._sending is not None
        if was_sending:
            self._worker.close()
            with self._lock:
                self._sending = None
                self._worker = BrowserWorker(self._take)
                self.status = f"{self.status}; stopped" if self.status else ""

    def close(self) -> None:
        """End the process once the viewer has what was sent. Idempotent."""
        self._worker.close()

    def _take(self, answer: Answer | str) -> None:
        with self._lock:
            request = self._sending
            if request is None:
                return
            if isinstance(answer, Sent):
                self.status = f"{answer.done} of {answer.planned} images sent to {request.viewer}"
                self.problem = answer.problem
            else:
                self.problem = f"the process that sends to {request.viewer} {answer}"
            if isinstance(answer, Sent) and not answer.last:
                return
            self._sending = None
            following = self._next()
        self._ask(following)

    def _next(self) -> SendRows | None:
        if self._sending is not None or not self._waiting:
            return None
        self._sending = self._waiting.popleft()
        self.status, self.problem = (
            f"{len(self._sending.rows)} images on their way to {self._sending.viewer}",
            "",
        )
        return self._sending

    def _ask(self, request: SendRows | None) -> None:
        if request is not None:
            self._worker.ask(request)
