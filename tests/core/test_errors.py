"""The tree of errors is the one that its module draws, and every error travels whole."""

import builtins
import inspect
import pickle
import re

import pytest

from parfocal.core import errors

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


def test_the_drawing_is_complete():
    drawn = set(re.findall(r"\b([A-Z]\w+Error)\b", errors.__doc__ or ""))
    assert drawn - set(dir(builtins)) == {kind.__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_ours(kind):
    assert issubclass(kind, errors.ParfocalError)


def test_timeouts_are_timeouts_to_whoever_does_not_know_us():
    for kind in (errors.DeadlineError, errors.StreamTimeoutError, errors.DeviceTimeoutError):
        assert issubclass(kind, TimeoutError)


def test_hints_name_the_nearest_or_all():
    assert errors.nearest("camra", ["camera", "stage"]) == "did you mean 'camera'?"
    assert errors.nearest("x", []) == "none are known"


def test_an_error_survives_a_process_pool():
    error = errors.StreamTimeoutError("nothing came")
    assert str(pickle.loads(pickle.dumps(error))) == "nothing came"
