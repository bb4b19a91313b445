"""The runs that a viewer follows, by the layers that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.viewers.run_feed import RunFeed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parfocal.viewers.content import Content

_ENDED = 4
"""So many runs that have ended are followed on, as they may be continued: each takes readers and a thread."""


class RunFeedTable:
    """Brings what is new of runs to their layers. For one thread; close it."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._feeds: dict[str, RunFeed] = {}

    def __bool__(self) -> bool:
        """Whether any run is followed."""
        return bool(self._feeds)

    def follow(self, rig: str, run: str) -> str:
        """Follow a run, which need not be there yet; return the name of its layer.

        A run of that name in another rig is followed no more, nor are those that ended long ago: what came of
        them stays until its room is needed.
        """
        feed = self._feeds.get(run)
        if feed is None or feed.rig != rig:
            self.leave(run)
            ended = [layer for layer, feed in self._feeds.items() if feed.has_ended]
            for layer in ended[: max(0, len(ended) - _ENDED)]:
                self.leave(layer)
                self._content.give_way(layer)
            self._content.give_way(run, gives=False)
            self._feeds[run] = RunFeed(rig, run, self._content)
        return run

    def leave(self, layer: str) -> bool:
        """Follow the run of a layer no more; return whether one was followed."""
        if layer not in self._feeds:
            return False
        self._feeds.pop(layer).close()
        return True

    def poll(self) -> bool:
        """Take what is new of each run; return whether there was anything."""
        came = [feed.poll() for feed in tuple(self._feeds.values())]
        return any(came)

    def take_times_ns(self) -> list[int]:
        """Return when the exposures ended of the images that were brought since the last call."""
        return [time_ns for feed in self._feeds.values() for time_ns in feed.take_times_ns()]

    def described(self) -> list[dict[str, Any]]:
        """Return the runs that are followed, as plain values for `follow_again`."""
        return [feed.described() for feed in self._feeds.values()]

    def follow_again(self, described: Iterable[Mapping[str, Any]]) -> None:
        """Follow what another viewer has `described`."""
        for one in described:
            self.follow(one["rig"], one["run"])

    def close(self) -> None:
        """Leave every run."""
        for layer in tuple(self._feeds):
            self.leave(layer)
