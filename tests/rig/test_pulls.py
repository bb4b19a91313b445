"""Pulls whose numbers can't be are refused before anything is asked of a rig."""

from __future__ import annotations

import pytest

from parfocal.core.errors import BadInputError
from parfocal.rig import pulls


class NoRig(pulls.Pulls):
    """Nothing may be asked of it."""

    def __getitem__(self, service):
        raise AssertionError(f"{service} was asked")


@pytest.mark.parametrize("rate_pn_per_s", [0, 0.0, -0.5])
def test_a_ramp_has_a_positive_rate(rate_pn_per_s):
    with pytest.raises(BadInputError, match="rate_pn_per_s must be positive, not"):
        NoRig().ramp_force(start_pn=1.0, stop_pn=2.0, rate_pn_per_s=rate_pn_per_s)


def test_a_hold_does_not_end_before_it_begins():
    with pytest.raises(BadInputError, match=r"seconds must be 0 or more, not -1\.0"):
        NoRig().hold_force(5.0, seconds=-1.0)


@pytest.mark.parametrize("turns_per_s", [0.0, -2.0])
def test_turns_are_made_at_a_positive_rate(turns_per_s):
    with pytest.raises(BadInputError, match="turns_per_s must be above 0, not"):
        NoRig().turn_magnet(3.0, turns_per_s=turns_per_s)
