"""What the rig says of the plan that is edited: asked for when the writing stops, never waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.app.desktop.stop_bar import can_stop
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.runs.prepared import PlanForecast

_PAUSE_S, _AGAIN_S = 0.3, 5.0
_REST = 20.0
"""How much longer the rig is left alone than its last answer took."""
CELLS = 600


class PlanForecasts:
    """Asks the rig what a plan would need, and again after a while: stages move, disks fill.

    Parameters
    ----------
    session : Session
        The rig.

    Attributes
    ----------
    forecast : PlanForecast or None
        What it said last of the plan that is wanted; None before that, and while it refuses it.
    refusal : str
        Why it can't do the plan; "" if it can, or has not said.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.forecast: PlanForecast | None = None
        self.refusal = ""
        self._wanted: dict[str, Any] | None = None
        self._asked: Request | None = None
        self._asked_s = self._due_s = 0.0

    @property
    def is_asking(self) -> bool:
        """Whether nothing is known yet of the plan that is wanted."""
        return self._wanted is not None and self.forecast is None and not self.refusal

    def want(self, wanted: dict[str, Any] | None) -> None:
        """Have a plan looked at from now on, as `CheckedDraft.arguments` tells it; None for none."""
        if wanted != self._wanted:
            self._wanted, self.forecast, self.refusal = wanted, None, ""
            self._due_s = _now_s() + _PAUSE_S

    def refresh(self) -> None:
        """Ask if it is time; not while runs go on, whose instruments have better things to do."""
        waits = self._asked is not None and self._asked.state == "pending"
        if self._wanted is None or waits or _now_s() < self._due_s or not self._is_there:
            return
        if (self.forecast is not None or self.refusal) and self._runs_go_on:
            return
        wanted = self._wanted
        self._asked_s = _now_s()
        request = self.session.ask(SERVICE, "foresee", cells=CELLS, **wanted)
        self._asked = request.then(lambda request: self._take(request, wanted))

    @property
    def _is_there(self) -> bool:
        status = self.session.snapshot().rig.services.get(SERVICE)
        return status is not None and status.state == "ready"

    @property
    def _runs_go_on(self) -> bool:
        return any(can_stop(run.state) for run in self.session.snapshot().runs.values())

    def _take(self, request: Request, wanted: dict[str, Any]) -> None:
        if wanted is not self._wanted:
            return
        self._due_s = _now_s() + max(_AGAIN_S, _REST * (_now_s() - self._asked_s))
        done = request.state == "done"
        self.forecast = request.result if done else None
        self.refusal = "" if done else request.text


def _now_s() -> float:
    return SYSTEM_CLOCK.monotonic_ns() / 1e9
