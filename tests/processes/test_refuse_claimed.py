"""Who may restart a service: nobody while a run uses it, also where it takes its time to tell that."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from parfocal.core.errors import ClaimedError, DeadlineError
from parfocal.processes.restarting import refuse_claimed

BUSY_S = 3.0


class BusyService:
    """Answers after `BUSY_S`, as a client of it sees that."""

    def __init__(self, claimed_by):
        self.claimed_by = claimed_by

    def call(self, command, timeout_s):
        assert command == "traffic"
        if timeout_s < BUSY_S:
            raise DeadlineError(f"no answer within {timeout_s} s")
        return {"claimed_by": self.claimed_by}


def refuse(state, claimed_by):
    supervision = SimpleNamespace(status_of=lambda service: SimpleNamespace(state=state))
    refuse_claimed(supervision, "camera", lambda service: nullcontext(BusyService(claimed_by)))


def test_a_busy_service_that_a_run_uses_is_not_restarted():
    with pytest.raises(ClaimedError, match="camera is not restarted: run 'night' uses it"):
        refuse("ready", "night")


def test_one_that_no_run_uses_is_and_one_that_hangs_is_not_asked():
    refuse("ready", "")
    refuse("hung", "night")
