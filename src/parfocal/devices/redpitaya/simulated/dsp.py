"""A DSP slot: the registers that every slot has at the same offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.devices.redpitaya.simulated.words import DAC_MASK, FULL_SCALE, RegisterFile, Words

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.simulated.signals import Signals

INPUT, OUTPUT, SATURATED, SYNC, CURRENT = 0x0, 0x4, 0x8, 0xC, 0x10
OFF = 15


class DspSlot(RegisterFile):
    """Input selection, direct output, saturation, sync and the present output; a module adds its own words.

    The word at 0xC is one for all slots: a bit for each, set while it runs.

    Parameters
    ----------
    slot : int
        Its number.
    signals : Signals
        What it belongs to.
    chosen : int
        Slot that its input takes at power-on.
    words : Words
        The module's own.
    """

    def __init__(self, slot: int, signals: Signals, *, chosen: int = OFF, words: Words | None = None) -> None:
        super().__init__({INPUT: (chosen, 0xF), OUTPUT: (0, 0x3), **(words or {})})
        self.slot = slot
        self.signals = signals

    @property
    def chosen(self) -> int:
        """The slot that its input takes."""
        return self.words[INPUT]

    @property
    def runs(self) -> bool:
        """Whether it is not held."""
        return bool(self.signals.running >> self.slot & 1)

    def renew(self, tick: int) -> None:
        """Act on what the registers say from `tick` on: what a module of its own does."""

    def read_word(self, offset: int, tick: int) -> int:
        """Return a word; the living ones as they are at `tick`."""
        if offset == SYNC:
            return self.signals.running
        if offset == CURRENT:
            return self.signals.now(self.slot, tick) & DAC_MASK
        if offset == SATURATED:
            return self._saturated(tick)
        return super().read_word(offset, tick)

    def write_word(self, offset: int, value: int, tick: int) -> None:
        """Keep a word, and act on it from `tick` on."""
        if offset == SYNC:
            self.signals.advance(tick)
            self.signals.running = value & 0xFFFF
            for slot in self.signals.slots.values():
                slot.renew(tick)
        super().write_word(offset, value, tick)
        if offset == OUTPUT:
            self.signals.change(tick, self.slot, outputs=value & 0x3)

    def _saturated(self, tick: int) -> int:
        limits = (-FULL_SCALE, FULL_SCALE - 1)
        return sum((self.signals.now(slot, tick) in limits) << output for output, slot in enumerate((12, 13)))
