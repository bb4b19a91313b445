"""The viewers that images can be sent to: those that run, and new ones. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from parfocal.viewers import ViewerInfo
from parfocal.viewers.kinds import viewer_kinds


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer by name and kind; `is_new` if it does not run yet."""

    name: str
    kind: str
    is_new: bool = False

    @property
    def words(self) -> str:
        """What people read."""
        return f"new {self.kind} viewer" if self.is_new else f"{self.name} ({self.kind})"


def targets(infos: Sequence[ViewerInfo], kind: str) -> list[Target]:
    """Return the viewers that run, then a new one of each kind with a window, that of `kind` first.

    Examples
    --------
    >>> [target.words for target in targets([], "live")][:1]
    ['new live viewer']
    """
    running = [Target(name=info.name, kind=info.kind) for info in infos if info.state != "exited"]
    kinds = sorted(
        (one for one in viewer_kinds() if one != "headless" or kind == "headless"),
        key=lambda one: one != kind,
    )
    names = {target.name for target in running}
    return [*running, *(Target(name=_free(one, names), kind=one, is_new=True) for one in kinds)]


def _free(kind: str, names: set[str]) -> str:
    """Return a name that no viewer has.

    Examples
    --------
    >>> _free("live", set()), _free("live", {"browser-live"})
    ('browser-live', 'browser-live-2')
    """
    name, number = f"browser-{kind}", 1
    while name in names:
        number += 1
        name = f"browser-{kind}-{number}"
    return name
