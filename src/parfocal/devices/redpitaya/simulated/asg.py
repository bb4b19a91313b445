"""The simulated generators: one control word for both, a table each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.memory_map import CLOCK_HZ
from parfocal.devices.redpitaya.simulated.sources import (
    PHASE_MASK,
    TABLE,
    Level,
    Player,
    Shuffled,
    SignalSource,
)
from parfocal.devices.redpitaya.simulated.words import FULL_SCALE, WORD, RegisterFile, signed

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.simulated.signals import Signals

SLOTS = (8, 9)
_CONTROL, _SCALE, _WRAP, _PHASE, _STEP = 0x0, 0x4, 0x8, 0xC, 0x10
_CYCLES, _BURSTS, _DELAY = 0x18, 0x1C, 0x20
_CHANNEL_BYTES, _TABLE_BYTES = 0x20, 0x10000
_TRIGGER, _WRAPS, _RESET, _ZERO, _RANDOM = 0x7, 1 << 4, 1 << 6, 1 << 7, 1 << 12
_SOFTWARE, _HIGH = 1, 5
_PHASE_BITS = int(PHASE_MASK)
_PHASE_RANGE = _PHASE_BITS + 1
_TICKS_PER_US = CLOCK_HZ // 1_000_000
_WORDS = {
    _SCALE: (0x2000, 0x3FFF3FFF),
    _WRAP: (_PHASE_BITS, _PHASE_BITS),
    _PHASE: (0, _PHASE_BITS),
    _STEP: (0, _PHASE_BITS),
    _CYCLES: WORD,
    _BURSTS: (0, 0xFFFF),
    _DELAY: WORD,
}


class SimulatedAsg(RegisterFile):
    """Both channels. The tables can be written and not read, as in the gateware."""

    def __init__(self, signals: Signals) -> None:
        words = {base + offset: word for base in (0, _CHANNEL_BYTES) for offset, word in _WORDS.items()}
        super().__init__({_CONTROL: (0, 0x1FFF1FFF), **words})
        self._signals = signals
        self._tables = [np.zeros(TABLE, np.int64), np.zeros(TABLE, np.int64)]
        self._played: list[Player | None] = [None, None]

    def player(self, channel: int) -> Player | None:
        """Return what the channel plays, or None if it stands still."""
        return self._played[channel]

    def write(self, offset: int, values: NDArray[np.uint32], tick: int) -> None:
        """Take words; a block that lies in a table at once."""
        channel = offset // _TABLE_BYTES - 1
        if channel < 0:
            super().write(offset, values, tick)
        elif channel < len(self._tables):
            begin = offset % _TABLE_BYTES // 4
            self._tables[channel][begin : begin + len(values)] = signed(values.astype(np.int64))
            self._renew(channel, tick)

    def write_word(self, offset: int, value: int, tick: int) -> None:
        """Keep a word, and act on it from `tick` on."""
        super().write_word(offset, value, tick)
        if offset == _CONTROL:
            for channel in (0, 1):
                self._control(channel, value >> (16 * channel), tick)
        elif offset in self.writable:
            self._renew((offset - _SCALE) // _CHANNEL_BYTES, tick)

    def _control(self, channel: int, bits: int, tick: int) -> None:
        if bits & _RESET:
            self._played[channel] = None
        elif bits & _TRIGGER in (_SOFTWARE, _HIGH) and self._stands(channel, tick):
            self._played[channel] = self._player(channel, tick, self._word(channel, _PHASE))
        self._renew(channel, tick)

    def _stands(self, channel: int, tick: int) -> bool:
        """Whether a trigger starts it: one that plays does not hear it."""
        playing = self._played[channel]
        return playing is None or playing.has_ended(tick)

    def _renew(self, channel: int, tick: int) -> None:
        """Play on with what the registers say now; an endless waveform keeps its place in its cycle."""
        old = self._played[channel]
        if old is not None:
            if old.burst_ticks == old.cycle_ticks == 0 and self._word(channel, _CYCLES) == 0:
                self._played[channel] = self._player(channel, tick, old.phase_at(tick))
            else:
                self._played[channel] = self._player(channel, old.start, old.phase)
        self._signals.change(tick, SLOTS[channel], source=self._source(channel))

    def _source(self, channel: int) -> SignalSource:
        bits = self._bits(channel)
        if bits & _ZERO:
            return Level(0.0)
        playing = self._played[channel]
        if playing is None:
            return Level(float(self._output(channel)[self._word(channel, _PHASE) >> 16]))
        return Shuffled(playing.table, self._signals.rng) if bits & _RANDOM else playing

    def _player(self, channel: int, start: int, phase: int) -> Player:
        step, cycles = self._word(channel, _STEP), self._word(channel, _CYCLES)
        repeats, delay = self._word(channel, _BURSTS), self._word(channel, _DELAY) * _TICKS_PER_US
        cycle_ticks = 0 if self._bits(channel) & _WRAPS or step == 0 else -(-(_PHASE_RANGE - phase) // step)
        burst = cycles * cycle_ticks if cycle_ticks else -(-(cycles * _PHASE_RANGE - phase) // max(step, 1))
        if cycles == 0 or step == 0 or (repeats and delay == 0):
            burst = 0  # without a delay each repetition begins before the one before it has ended
        return Player(
            table=self._output(channel),
            start=start,
            phase=phase,
            step=step,
            cycle_ticks=cycle_ticks,
            burst_ticks=burst,
            period_ticks=max(1, burst + delay),
            bursts=repeats + 1,
        )

    def _bits(self, channel: int) -> int:
        return self.words[_CONTROL] >> (16 * channel)

    def _output(self, channel: int) -> NDArray[np.float64]:
        scale = self._word(channel, _SCALE)
        scaled = (self._tables[channel] * (scale & 0x3FFF)) >> 13
        played: NDArray[np.float64] = (scaled + signed(scale >> 16)).astype(np.float64)
        return np.clip(played, -FULL_SCALE, FULL_SCALE - 1)

    def _word(self, channel: int, offset: int) -> int:
        return self.words[channel * _CHANNEL_BYTES + offset]
