"""The description of a service as plain data, and the order in which services start."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from parfocal.core.errors import BadInputError, ConfigError, nearest
from parfocal.processes.processors import Processors

RestartPolicy = Literal["restart", "degrade", "stop"]

RESERVED = {
    "rig": "that is the name of the rig's own commands",
    "runs": "that is the name of the service that carries out runs",
}
"""Names that no service of a rig file can have."""

_FOLDERS = ("locks", "services", "images")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.IGNORECASE)


class ServiceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service of a rig, before it runs.

    Parameters
    ----------
    name : str
        Its name in the rig: letters, digits, ``-`` and ``_``.
    factory : str
        Where its class is: ``package.module:Class``, importable wherever the rig's own process imports.
    settings : dict
        Values for its settings model; what is missing takes the model's default.
    layers : dict
        Where those come from: for each source, such as "file", the values that it gave, by path; see
        `parfocal.processes.setting_layers`.
    depends_on : tuple of str
        Services that must be ready before this one opens. They also end before it, so that it can drain
        what they sent.
    policy : {"restart", "degrade", "stop"}
        After a crash or a hang: start it again, go on without it, or end the whole rig.
    back_off_s : float
        Pause before the first restart; doubles with each failure in a row, up to 30 s.
    max_restarts : int
        Failures in a row after which it is given up ("degraded").
    hang_after_s : float
        Its process counts as hung when it is silent for so long: stopped, or stuck in a driver.
    step_limit_s : float, optional
        One step of its loop may take so long; by default what its class declares.
    start_timeout_s : float
        How long it may take to become ready, once those it depends on are; longer if it is still at work
        then, on a machine that has other work (`StartLimit`).
    stop_timeout_s : float
        How long it may take to end in order; what the rig's end leaves it may be less.
    safe_when_lost : tuple of str
        Services that steer it: when one of them ends or hangs, this one's outputs are made safe.
    ends_first : bool
        Whether it ends before all others when the rig does: it steers them, and brings them to rest.
    part_of : str
        The service that it was made for, such as a tracker's worker, and is removed with; "" for none.
    real_time : bool
        Whether its process goes before all of ordinary priority, see `parfocal.processes.priority`.
    processors : {"any", "own", "others"}
        Which it works on, see `parfocal.processes.processors`.
    keep_awake : bool
        Whether it keeps processors awake while it has something to do, see `parfocal.processes.awake`.

    Examples
    --------
    >>> ServiceSpec(name="camera", factory="lab.cameras:Camera").policy
    'restart'
    """

    name: str
    factory: str
    settings: dict[str, Any] = {}
    layers: dict[str, dict[str, Any]] = {}
    depends_on: tuple[str, ...] = ()
    policy: RestartPolicy = "restart"
    back_off_s: float = 0.2
    max_restarts: int = 5
    hang_after_s: float = 1.0
    step_limit_s: float | None = None
    start_timeout_s: float = 30.0
    stop_timeout_s: float = 4.0
    safe_when_lost: tuple[str, ...] = ()
    ends_first: bool = False
    part_of: str = ""
    real_time: bool = False
    processors: Processors = "any"
    keep_awake: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "service")
        module, _, attribute = self.factory.partition(":")
        if not module or not attribute:
            raise ConfigError(
                f"factory {self.factory!r} of service {self.name!r} must read 'package.module:Class'"
            )
        if module == "__main__":
            raise ConfigError(
                f"service {self.name!r}: its class {attribute} is defined in the program that was started; "
                "move it to a module of its own, which its process can import"
            )
        for field in ("hang_after_s", "step_limit_s", "start_timeout_s", "stop_timeout_s"):
            value = getattr(self, field)
            if value is not None and not 0 < value < 1e9:
                raise ConfigError(f"{field} of service {self.name!r} must be positive, not {value}")


def check_name(name: str, kind: str) -> str:
    """Return `name` if it can be the name of a file, a socket and a process title.

    Raises
    ------
    BadInputError
        If it can't.
    """
    if kind == "service" and name == "rig":
        raise ConfigError(f"a service cannot be called {name!r}: {RESERVED[name]}; choose another name")
    if name in _FOLDERS:
        raise BadInputError(
            f"{kind} name {name!r} is that of a folder of parfocal's own; choose another name"
        )
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{kind} name {name!r} must be 1 to 40 letters, digits, '-' or '_', beginning with a letter"
        )
    return name


def levels(specs: Iterable[ServiceSpec]) -> tuple[tuple[str, ...], ...]:
    """Return the services in the order in which they start: each level needs only the ones before.

    Raises
    ------
    ConfigError
        If two have one name, one needs an unknown one, or some need one another in a circle.

    Examples
    --------
    >>> camera = ServiceSpec(name="camera", factory="m:C")
    >>> stage = ServiceSpec(name="stage", factory="m:S")
    >>> tracker = ServiceSpec(name="tracker", factory="m:T", depends_on=("camera",))
    >>> levels([tracker, camera, stage])
    (('camera', 'stage'), ('tracker',))
    """
    needs = _needs(tuple(specs))
    placed: list[tuple[str, ...]] = []
    done: set[str] = set()
    while len(done) < len(needs):
        level = tuple(name for name, needed in needs.items() if name not in done and needed <= done)
        if not level:
            circle = ", ".join(sorted(set(needs) - done))
            raise ConfigError(f"services need one another in a circle: {circle}")
        placed.append(level)
        done.update(level)
    return tuple(placed)


def _needs(specs: tuple[ServiceSpec, ...]) -> dict[str, frozenset[str]]:
    needs: dict[str, frozenset[str]] = {}
    for spec in specs:
        if spec.name in needs:
            raise ConfigError(f"there are two services named {spec.name!r}; each needs a name of its own")
        needs[spec.name] = frozenset(spec.depends_on)
    for name, needed in needs.items():
        for other in sorted(needed - set(needs)):
            raise ConfigError(
                f"service {name!r} depends on {other!r}, which is none: {nearest(other, needs)}"
            )
    return needs
