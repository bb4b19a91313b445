"""Which promises a device keeps: each is tried on a device of its own, opened and closed for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from parfocal.core.clock import Clock
from parfocal.core.errors import BadInputError
from parfocal.core.protocols import Camera, Channels, LightModulator, LightSource, Stage
from parfocal.testing.contracts.camera import CAMERA
from parfocal.testing.contracts.channels import CHANNELS
from parfocal.testing.contracts.light import LIGHT
from parfocal.testing.contracts.modulator import MODULATOR
from parfocal.testing.contracts.promise import Needs, NotAskable, Promise, Promises, Trial
from parfocal.testing.contracts.stage import STAGE

Outcome = Literal["kept", "broken", "not tried"]
KINDS: tuple[tuple[type, Promises], ...] = (
    *((Camera, CAMERA), (Stage, STAGE)),
    *((LightSource, LIGHT), (Channels, CHANNELS), (LightModulator, MODULATOR)),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a promise: kept, broken or not tried, and why."""

    promise: Promise
    outcome: Outcome
    why: str = ""


def kind_of(device: Any) -> Promises:
    """Return the promises that a device, open or not, has to keep: those of the protocol that it satisfies.

    Raises
    ------
    BadInputError
        If it lacks methods of every protocol; names those that the nearest one misses.
    """
    missing = {promises.kind: _missing(device, protocol) for protocol, promises in KINDS}
    for _, promises in KINDS:
        if not missing[promises.kind]:
            return promises
    nearest = min(missing, key=lambda kind: len(missing[kind]))
    raise BadInputError(
        f"{type(device).__name__} is no camera, stage, light, set of channels or modulator: "
        f"of a {nearest} it lacks {', '.join(missing[nearest])}"
    )


def examine(
    make: Callable[[], Any], promises: Promises, clock: Clock, allowed: Collection[Needs]
) -> Iterator[Verdict]:
    """Try each promise in turn.

    Parameters
    ----------
    make : callable
        Returns a device that is not open yet.
    promises : Promises
        Of its kind.
    clock : Clock
        Which the device goes by.
    allowed : collection of str
        What may happen to the instrument beside "nothing": "exposure", "motion", "light".
    """
    for promise in promises:
        if promise.needs == "nothing" or promise.needs in allowed:
            yield _try(promise, make, clock)
        else:
            yield Verdict(promise, "not tried", f"needs {promise.needs}")


def _try(promise: Promise, make: Callable[[], Any], clock: Clock) -> Verdict:
    try:
        device = make()
        device.open()
        try:
            promise.check(Trial(device, clock))
        finally:
            device.make_safe()
            device.close()
    except NotAskable as why:
        return Verdict(promise, "not tried", str(why))
    except AssertionError as error:
        return Verdict(promise, "broken", str(error) or _place(error))
    except Exception as error:  # noqa: BLE001 (border to code of others: whatever it raises breaks the promise)
        return Verdict(promise, "broken", f"{type(error).__name__}: {error}")
    return Verdict(promise, "kept")


def _place(error: AssertionError) -> str:
    """Return the line of the check that was not true."""
    frame = inspect.getinnerframes(error.__traceback__)[-1] if error.__traceback__ else None
    return "".join(frame.code_context or ()).strip() if frame else "an assertion failed"


def _missing(device: Any, protocol: type) -> list[str]:
    words = [word for word in dir(protocol) if not word.startswith("_")]
    return [word for word in words if inspect.getattr_static(device, word, None) is None]
