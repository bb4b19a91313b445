"""Commands that send a viewer images, and what lies over them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.ipc import command
from parfocal.streams import ImageToken
from parfocal.viewers.annotations import made_of
from parfocal.viewers.display import shown_plane
from parfocal.viewers.layers import index_of

if TYPE_CHECKING:
    from parfocal.viewers.content import Content
    from parfocal.viewers.inbox import Inbox

_WAITS_S = 60.0


class ImageCommands:
    """Those that take images return when they are taken; a ticket tells when they are painted."""

    inbox: Inbox
    content: Content

    @command(lane="images", effect="changes", script=False)
    def show(self, images: list[tuple[ImageToken, dict[str, Any]]], layer: str, ticket: str) -> None:
        """Take images, each with its index, to be painted in a layer; returns when they are taken."""
        self.inbox.check_room()
        taken = [(self.inbox.images.take(token), index_of(index)) for token, index in images]
        for image, _ in taken:
            shown_plane(image)
        self.inbox.put(ticket, [partial(self.content.show, layer, index, image) for image, index in taken])

    @command(lane="images", effect="changes", script=False)
    def annotate(
        self,
        kind: str,
        over: str,
        arrays: dict[str, ImageToken | None],
        settings: dict[str, Any],
        ticket: str,
    ) -> None:
        """Take an annotation, to be laid over a pane or a layer; None is an empty array."""
        self.inbox.check_room()
        taken = {
            name: np.empty(0) if token is None else self.inbox.images.take(token)
            for name, token in arrays.items()
        }
        self.inbox.put(ticket, [partial(self.content.annotate, over, made_of(kind, taken, settings))])

    @command(lane="shown", effect="reads", script=False)
    def wait_shown(self, ticket: str, timeout_s_: float = _WAITS_S) -> str | None:
        """Return "shown" or "failed: why" of a ticket, None if it is neither within the time."""
        return self.inbox.outcomes.wait(ticket, min(timeout_s_, _WAITS_S))
