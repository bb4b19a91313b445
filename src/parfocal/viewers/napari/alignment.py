"""The leading dimensions of a napari window, shared by all panes that have stacks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.viewers.stack_axis import StackAxis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.viewers.stack import Stack


class Alignment:
    """Joins the axes of several stacks: napari has one slider for each dimension, for all layers together.

    Each component of any stack is one dimension, with all values that any of the stacks has. So planes of the
    same time point are shown together, also when one stack lacks some. Growing by a plane costs the same
    however many planes there are.

    Examples
    --------
    >>> import numpy as np
    >>> from parfocal.viewers.stack import Stack
    >>> nuclei, phase = Stack(), Stack()
    >>> for t in ("0", "2"):
    ...     nuclei.put({"t": t}, np.zeros((2, 2)))
    >>> phase.put({"t": "1", "z": "5"}, np.zeros((2, 2)))
    >>> alignment = Alignment()
    >>> alignment.update([nuclei, phase])
    >>> alignment.axes, alignment.shape, alignment.position("t", "2")
    (('t', 'z'), (3, 1), 2)
    """

    def __init__(self) -> None:
        self._axes: dict[str, StackAxis] = {}
        self._merged: list[tuple[Stack, dict[str, int]]] = []

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the dimensions, in the order in which the components came."""
        return tuple(self._axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each dimension has."""
        return tuple(len(axis) for axis in self._axes.values())

    def update(self, stacks: Sequence[Stack]) -> None:
        """Take in what has come to the stacks, or begin anew if there are others or planes are gone."""
        same = [id(stack) for stack in stacks] == [id(stack) for stack, _ in self._merged]
        if not same or any(_has_shrunk(stack, lengths) for stack, lengths in self._merged):
            self._axes = {}
            self._merged = [(stack, {}) for stack in stacks]
        for stack, lengths in self._merged:
            self._merge(stack, lengths)

    def position(self, name: str, value: str) -> int | None:
        """Return where a value stands in its dimension; None if there is none."""
        axis = self._axes.get(name)
        return axis.position(value) if axis is not None and value in axis else None

    def index(self, place: Sequence[int]) -> dict[str, str]:
        """Return the values at a place along the dimensions; those out of range are left out."""
        pairs = zip(self._axes.items(), place, strict=False)
        return {name: axis.value(at) for (name, axis), at in pairs if 0 <= at < len(axis)}

    def _merge(self, stack: Stack, lengths: dict[str, int]) -> None:
        """Take in the values of a stack that are new; most often it is the last of an axis."""
        now = dict(zip(stack.axes, stack.shape, strict=False))
        if now == lengths:
            return
        last = stack.index(tuple(length - 1 for length in now.values()))
        for at, (name, length) in enumerate(now.items()):
            axis = self._axes.setdefault(name, StackAxis(name))
            newest = last.get(name, "")
            by_one = length - lengths.get(name, 0) == 1 and newest not in axis
            for value in (newest,) if by_one else stack.coordinates[at]:
                if value not in axis:
                    axis.add(value)
        lengths.update(now)


def _has_shrunk(stack: Stack, lengths: Mapping[str, int]) -> bool:
    now = dict(zip(stack.axes, stack.shape, strict=False))
    return any(now.get(name, 0) < length for name, length in lengths.items())
