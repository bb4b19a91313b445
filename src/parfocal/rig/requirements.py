"""The exact versions of what is installed, for a project that shall run the same tomorrow."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


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
    wanted = [(distribution, frozenset(extras))]
    while wanted:
        name, chosen = wanted.pop()
        installed = _installed(name)
        key = re.sub(r"[-_.]+", "-", name).lower()
        if installed is None or key in found:
            continue
        found[key] = installed.version
        for line in installed.requires or ():
            needed, _, marker = line.partition(";")
            extra = _EXTRA.search(marker)
            match = _NAME.match(needed.strip())
            if match and (extra is None or extra[1] in chosen):
                wanted.append((match[0], frozenset()))
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _installed(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
