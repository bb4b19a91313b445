"""A claim: while a run uses a service, nobody else changes it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from parfocal.core.messages import EndClaim, Interference, TakeClaim
from parfocal.ipc.codec import encode

if TYPE_CHECKING:
    from parfocal.ipc.receiver import Receiver

_ANSWER_WITHIN_S = 5.0


class Claim:
    """The service refuses commands that change it, but for those of this client and of the rig's services.

    What reads, stops or makes safe always passes, and so does what is forced, which the service publishes as
    a notice ``forced``; whoever claims is told of what others stop or force. The claim ends with its block,
    with the client, and with this program; a service that is started again meanwhile is claimed anew with the
    next call.

    Attributes
    ----------
    run : str
        For which run: others are told.
    """

    def __init__(self, receiver: Receiver, run: str, on_interference: Callable[[Interference], None]) -> None:
        self.run = run
        self._receiver = receiver
        self._ended = False
        call = receiver.new_call("claim")
        parts = encode(TakeClaim(call.id, run))
        receiver.on_interference = on_interference  # before it holds: it may be told at once
        receiver.request(call, parts)
        call.result(_ANSWER_WITHIN_S)
        receiver.claim = parts

    def release(self) -> None:
        """End the claim. Idempotent."""
        if self._ended:
            return
        self._ended = True
        self._receiver.claim = None
        call = self._receiver.new_call("end_claim")
        self._receiver.request(call, encode(EndClaim(call.id)))
        call.result(_ANSWER_WITHIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
