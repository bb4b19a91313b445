"""The light modulator of a run: blank but for the time of a stimulus, and read back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from parfocal.core.modulation import ModulatorCalibration, ShownMask
from parfocal.runs.instruments.instruments import InstrumentRestartedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from parfocal.core.modulation import PackedMask
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.instruments.shared_instruments import SharedInstruments


class ModulatorCalls:
    """Has a modulator show the masks of stimuli. One thread at a time.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls it.
    modulator : str
        The service; "" for a rig without one: whole-field stimuli are lit without.
    use : SharedInstruments
        What is known to all runs that share it.
    """

    def __init__(self, calls: InstrumentCalls, modulator: str, use: SharedInstruments) -> None:
        self._calls, self._modulator, self._use = calls, modulator, use
        self._prepared: int | None = None  # the hash of the mask that it has made ready last

    def learn(self) -> ModulatorCalibration | None:
        """Ask where the camera's pixels lie on it; None if nobody knows, or without a modulator."""
        if not self._modulator:
            return None
        found: ModulatorCalibration | None = self._calls.ask(
            self._modulator, "calibration", returns=ModulatorCalibration | None
        )
        return found

    def lights(self) -> tuple[str, ...]:
        """Ask which lights it is before; () if nobody knows, or without a modulator."""
        if not self._modulator:
            return ()
        found: tuple[str, ...] = self._calls.ask(self._modulator, "lights", returns=tuple[str, ...])
        return found

    def wait_blank(self) -> None:
        """Return when it is blank again after the last mask.

        Raises
        ------
        CommandError, InstrumentRestartedError
            If it is not known to be: whoever exposes now would see the light of the mask.
        """
        blanking, self._use.blanking = self._use.blanking, None
        if blanking is not None:
            self._calls.result(blanking)

    def prepare(self, mask: PackedMask) -> None:
        """Have the modulator make ready what it takes to show a mask. Any thread; waits for nothing.

        It keeps that of the last one: the same mask once more needs no message.
        """
        if mask.hash != self._prepared:
            self._prepared = mask.hash
            self._calls.tell(self._modulator, "prepare_mask", *_arguments(mask))

    @contextmanager
    def showing(
        self, mask: PackedMask | None, lighting: AbstractContextManager[None]
    ) -> Iterator[ShownMask | None]:
        """Have a mask shown while the block runs; None lights everywhere.

        It gets there while the light is let through. What is shown is read back before and after. Then it is
        made blank, whatever happened: who exposes something else waits for that with `wait_blank`.

        Parameters
        ----------
        mask : PackedMask or None
            In pixels of the camera.
        lighting : context manager
            Lets the light through while its block runs.

        Raises
        ------
        InstrumentRestartedError
            If at the end it does not show it any more.
        """
        if not self._modulator and mask is None:
            with lighting:
                pass
            yield None
            return
        command = ("show_all",) if mask is None else ("show_mask", *_arguments(mask))
        self.wait_blank()
        if mask is not None:
            self._prepared = mask.hash
        try:
            with lighting:
                shown = self._ask(*command)
            yield shown
            after = self._ask("shown")
            if after != shown:
                raise InstrumentRestartedError(
                    f"{self._modulator} was blanked, or shown another mask, during the exposure",
                    source=self._modulator,
                )
        finally:
            self._use.blanking = self._calls.tell(self._modulator, "blank")

    def _ask(self, command: str, *args: Any) -> ShownMask:
        shown: ShownMask = self._calls.ask(self._modulator, command, *args, returns=ShownMask)
        return shown


def _arguments(mask: PackedMask) -> tuple[bytes, tuple[int, int], int]:
    return mask.mask, mask.shape, mask.hash
