"""Which components of a plane's index are dimensions of a stack, and which split a layer into panes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from parfocal.core.errors import BadInputError
from parfocal.viewers.stack import Padding

Role = Literal["dimension", "layer"]


@dataclass(frozen=True)
class Components:
    """What is made of the components of a layer's planes.

    Attributes
    ----------
    roles : mapping
        "dimension" or "layer" by component; one that is not named is a dimension.
    padding : "corner" or "centre"
        Where a plane smaller than the largest lies.

    Examples
    --------
    >>> split = Components().changed({"channel": "layer"})
    >>> split.pane("nuclei", {"channel": "488", "t": "3"}), split.within({"channel": "488", "t": "3"})
    ('nuclei channel-488', {'t': '3'})
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    padding: Padding = "corner"

    def changed(self, roles: Mapping[str, str], padding: str = "") -> Components:
        """Return this with other roles, and another padding if one is named.

        Raises
        ------
        BadInputError
            If a role or a padding is none.
        """
        for component, role in roles.items():
            if role not in get_args(Role):
                raise BadInputError(f"{component} is a 'dimension' or a 'layer', not {role!r}")
        if padding and padding not in get_args(Padding):
            raise BadInputError(f"padding is 'corner' or 'centre', not {padding!r}")
        return Components({**self.roles, **roles}, padding or self.padding)  # type: ignore[dict-item, arg-type]

    def pane(self, layer: str, index: Mapping[str, str]) -> str:
        """Return the pane of a layer that shows a plane."""
        return " ".join((layer, *(f"{name}-{value}" for name, value in self.outside(index).items())))

    def within(self, index: Mapping[str, str]) -> dict[str, str]:
        """Return where a plane lies in the stack of its pane."""
        return {name: value for name, value in index.items() if self.roles.get(name) != "layer"}

    def outside(self, index: Mapping[str, str]) -> dict[str, str]:
        """Return which pane of its layer shows a plane: the components that split it."""
        return {name: index[name] for name, role in self.roles.items() if role == "layer" and name in index}
