"""A lease of an output: the service makes it safe when the program that took it ends or stands still."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from parfocal.core.messages import Lease, Release
from parfocal.ipc.codec import encode

if TYPE_CHECKING:
    from parfocal.ipc.receiver import Receiver

_LOG = logging.getLogger(__name__)
_ANSWER_WITHIN_S = 5.0
_LOCK = threading.Lock()  # of which lease of an output is the latest: held for a moment


class OutputLease:
    """The service makes an output safe when this program ends (within 1 s), or stands still for a period.

    The receiver thread of the client keeps the lease: a program that computes, waits or sleeps does not lose
    it; one that is stopped, swapped out, or hangs in foreign code that keeps the interpreter, does. Closing
    the client ends it, too. Take the lease first, then switch on:

    ::

        with light.lease(period_s=2.0):
            light.set_power(0.4)
            ...  # the end of the block makes safe, too

    Attributes
    ----------
    output : str
        Which output of the service; "" for all that it switches.
    period_s : float
        How long the program may stand still.
    lost : str
        Why the service ended the lease and made the output safe, as for the loss of a service that steers it;
        "" while it holds.
    """

    def __init__(self, receiver: Receiver, output: str, period_s: float) -> None:
        self.output = output
        self.period_s = period_s
        self.lost = ""
        self._receiver = receiver
        with _LOCK:
            receiver.leases[output] = self
        call = receiver.new_call("lease")
        receiver.request(call, encode(Lease(call.id, output, int(period_s * 1e9))))
        try:
            call.result(_ANSWER_WITHIN_S)
        except BaseException:
            self._forget()
            raise

    def release(self, *, make_safe: bool = False) -> None:
        """End the lease. The output stays as it is, unless `make_safe`. Idempotent."""
        if self._forget() and not self.lost:
            call = self._receiver.new_call("release")
            self._receiver.request(call, encode(Release(call.id, self.output, make_safe)))
            call.result(_ANSWER_WITHIN_S)

    def lose(self, reason: str) -> None:
        """Note that the service has ended it. Called by the receiver thread."""
        if self._forget():
            self.lost = reason
            _LOG.warning(
                "service %r made %s safe: %s", self._receiver.service, self.output or "all outputs", reason
            )

    def _forget(self) -> bool:
        """Return whether this is the latest lease of its output, which it is no longer."""
        with _LOCK:
            if self._receiver.leases.get(self.output) is not self:
                return False
            del self._receiver.leases[self.output]
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(make_safe=True)
