"""The light of frames that a camera takes by itself: set again after it was made safe meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.runs.instruments.instruments import AbortedError, InstrumentRestartedError

if TYPE_CHECKING:
    from parfocal.runs.instruments.run_light import RunLight


class KeptLight:
    """Has the light be as it is now, until the end of an acquisition. The run's thread.

    It goes off when its process ends, or the camera's, and frames come on. What the run knows how to set is
    set again; a light of channels that somebody else had set is not.

    Parameters
    ----------
    light : RunLight
        The light of the run, let through.
    """

    def __init__(self, light: RunLight) -> None:
        self._light, self._channel = light, light.channel
        self._left: dict[str, str] = {}
        self._out: dict[str, str] = {}

    def bring_back(self) -> str:
        """Set the light again if it was made safe; return what is to be told of that, or "".

        That may wait for a service. If one ends once more, or it is aborted, it is left to the next call.

        Raises
        ------
        CommandError
            If a light does not come back.
        """
        new = {service: why for service, why in self._light.lost.items() if service not in self._left}
        self._out |= new
        if not self._out:
            return ""
        is_set = self._channel is not None or self._light.knows_power(self._out)
        if is_set:
            try:
                self._light.bring_back(self._channel)
            except (AbortedError, InstrumentRestartedError):
                return ""
        out, self._out = self._out, {}
        if not is_set:
            self._left |= out
        return told_of(out, is_set=is_set)


def told_of(out: dict[str, str], *, is_set: bool) -> str:
    """Return in words that lights were made safe, and whether they were set again.

    Examples
    --------
    >>> told_of({"laser": "the camera has ended"}, is_set=True)
    'frames were taken while laser was made safe (the camera has ended), until the run set its light again'
    >>> told_of({"laser": "the camera has ended"}, is_set=False)
    'laser was made safe (the camera has ended), and is off since: the run had not set it itself'
    """
    names, why = ", ".join(out), "; ".join(dict.fromkeys(out.values()))
    if is_set:
        return f"frames were taken while {names} was made safe ({why}), until the run set its light again"
    return f"{names} was made safe ({why}), and is off since: the run had not set it itself"
