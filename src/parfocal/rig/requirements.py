"""The exact versions of what is installed, for a project that shall run the same tomorrow."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pinned(distribution: str, extras: Iterable[str] = ()) -> list[str]:
    """Return ``name==version`` of a distribution and of all that it needs, as far as that is installed.

    Parameters
    ----------
    distribution : str
        Such as "parfocal".
    extras : iterable of str
        Those of its extras that are wanted, too.

    Examples
    --------
    >>> [line.partition("==")[0] for line in pinned("pyzmq")]
    ['pyzmq']
    """
    found: dict[str, str] = {}
    visited: set[tuple[str, frozenset[str]]] = set()
    wanted = [(distribution, frozenset(extras))]
    while wanted:
        name, chosen = wanted.pop()
        key = canonicalize_name(name)
        installed = _installed(name)
        if installed is None or (key, chosen) in visited:
            continue
        visited.add((key, chosen))
        found[key] = installed.version
        for line in installed.requires or ():
            needed = Requirement(line)
            if _applies(needed, chosen):
                wanted.append((needed.name, frozenset(needed.extras)))
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _applies(needed: Requirement, extras: frozenset[str]) -> bool:
    """Whether a need holds on this system, for one of the extras if it is of an extra."""
    marker = needed.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def _installed(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
