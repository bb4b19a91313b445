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
        self._is_out = False

    def bring_back(self) -> str:
        """Set the light again if it was made safe; return what is to be told of that, or "".

        It is told at once, and set by the next call, which may wait for a service; if one ends once more, or
        it is aborted, it is left to the call after that.

        Raises
        ------
        CommandError
            If a light does not come back.
        """
        if self._is_out:
            return self._set_again()
        out = {service: why for service, why in self._light.lost.items() if service not in self._left}
        if not out:
            return ""
        self._is_out = self._channel is not None or self._light.knows_power(out)
        if not self._is_out:
            self._left |= out
        return told_of(out, is_left=not self._is_out)

    def _set_again(self) -> str:
        try:
            self._light.bring_back(self._channel)
        except (AbortedError, InstrumentRestartedError):
            return ""
        self._is_out = False
        return "the run has set its light again"


def told_of(out: dict[str, str], *, is_left: bool) -> str:
    """Return in words that lights were made safe, and whether they are left so.

    Examples
    --------
    >>> told_of({"laser": "the camera has ended"}, is_left=False)
    'frames were taken in the dark: laser was made safe (the camera has ended)'
    >>> told_of({"laser": "the camera has ended"}, is_left=True)
    'laser was made safe (the camera has ended), and is off since: the run had not set it itself'
    """
    was_made_safe = f"{', '.join(out)} was made safe ({'; '.join(dict.fromkeys(out.values()))})"
    if is_left:
        return f"{was_made_safe}, and is off since: the run had not set it itself"
    return f"frames were taken in the dark: {was_made_safe}"
