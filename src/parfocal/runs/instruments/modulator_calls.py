"""The light modulator of a run: blank but for the time of a stimulus, and read back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.modulation import ModulatorCalibration, ShownMask, pack_mask, packed_hash
from parfocal.ipc import PendingCalls
from parfocal.runs.instruments.instruments import InstrumentRestartedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parfocal.runs.instruments.calling import InstrumentCalls

FULL = 255


class ModulatorCalls:
    """Has a modulator show the masks of stimuli. One thread at a time.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls it.
    modulator : str
        The service; "" for a rig without one: whole-field stimuli are lit without.
    """

    def __init__(self, calls: InstrumentCalls, modulator: str) -> None:
        self._calls, self._modulator = calls, modulator
        self._blanks = PendingCalls()

    def learn(self) -> ModulatorCalibration | None:
        """Ask where the camera's pixels lie on it; None if nobody knows, or without a modulator."""
        if not self._modulator:
            return None
        found: ModulatorCalibration | None = self._calls.ask(
            self._modulator, "calibration", returns=ModulatorCalibration | None
        )
        return found

    @contextmanager
    def showing(self, mask: NDArray[np.uint8] | None) -> Iterator[ShownMask | None]:
        """Have a mask shown while the block runs, of camera pixels, 0 or 255; None lights everywhere.

        What is shown is read back before and after. Then it is blank, whatever happened.

        Raises
        ------
        BadInputError
            If the mask has levels between dark and full light, which a modulator has not.
        InstrumentRestartedError
            If at the end it does not show it any more.
        """
        if not self._modulator and mask is None:
            yield None
            return
        self._blanks.wait()
        try:
            shown = self._show_all() if mask is None else self._show(mask)
            yield shown
            after = self._ask("shown")
            if after != shown:
                raise InstrumentRestartedError(
                    f"{self._modulator} was blanked, or shown another mask, during the exposure",
                    source=self._modulator,
                )
        finally:
            if (call := self._calls.tell(self._modulator, "blank")) is not None:
                self._blanks.add(call)

    def _show_all(self) -> ShownMask:
        return self._ask("show_all")

    def _show(self, mask: NDArray[np.uint8]) -> ShownMask:
        between = mask[(mask != 0) & (mask != FULL)]
        if between.size:
            raise BadInputError(
                f"a mask has {between.size} pixels between dark (0) and full light ({FULL}), such as "
                f"{between[0]}: a pixel of the modulator is lit or not; return a mask of bool"
            )
        packed = pack_mask(mask)
        return self._ask("show_mask", packed, mask.shape, packed_hash(packed, mask.shape))

    def _ask(self, command: str, *args: Any) -> ShownMask:
        shown: ShownMask = self._calls.ask(self._modulator, command, *args, returns=ShownMask)
        return shown
