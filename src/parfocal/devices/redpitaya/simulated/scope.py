"""The simulated scope: arms, waits for its trigger, and fills two buffers; only while armed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parfocal.devices.redpitaya.simulated.asg import SLOTS, SimulatedAsg
from parfocal.devices.redpitaya.simulated.sample_buffer import LENGTH, SampleBuffer, first_edge
from parfocal.devices.redpitaya.simulated.words import DAC_MASK, RegisterFile, signed

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.simulated.signals import Signals

_CONTROL, _SOURCE, _THRESHOLD, _AFTER, _DECIMATION = 0x0, 0x4, 0x8, 0x10, 0x14
_POINTER, _TRIGGER_POINTER, _HYSTERESIS, _AVERAGING, _SINCE_ARM = 0x18, 0x1C, 0x20, 0x28, 0x2C
_DEBOUNCE, _NOW_1, _NOW_2, _TIME, _TRIGGER_TIME, _ENOUGH = 0x90, 0x154, 0x158, 0x15C, 0x164, 0x16C
_ARM, _RESET, _DELAYED, _KEEP = 1, 2, 4, 8
_OFF, _SOFTWARE, _ASG0, _ASG1 = 0, 1, 8, 9
_EDGES = {2: (0, True), 3: (0, False), 4: (1, True), 5: (1, False)}
_BLOCK = LENGTH // 2
_SCANNED = 65536
"""Samples that one look goes through. Of a longer wait only the last ones are seen: at full rate a trigger
may be missed that came while nobody asked for half a millisecond."""
_WORDS = {
    _SOURCE: (_OFF, 0xF),
    _THRESHOLD: (0, DAC_MASK),
    _AFTER: (8192, 0xFFFFFFFF),
    _DECIMATION: (0x2000, 0x1FFFF),
    _HYSTERESIS: (20, DAC_MASK),
    _AVERAGING: (1, 1),
    _DEBOUNCE: (0, 0xFFFFF),
}


class SimulatedScope(RegisterFile):
    """Two channels of 16384 samples. What happened since the last look is worked out at each look.

    Parameters
    ----------
    signals : Signals
        Where the samples come from.
    asg : SimulatedAsg
        For its triggers.
    """

    def __init__(self, signals: Signals, asg: SimulatedAsg) -> None:
        super().__init__(_WORDS)
        self._signals, self._asg = signals, asg
        self._buffer = SampleBuffer(self._take)
        self._armed = self._keep = self._delayed = False
        self._base_count, self._base_tick = 0, 0
        self._end = 0
        self._looked, self._level = 0, 0
        self._trigger: int | None = None
        self._trigger_tick = 0

    def read(self, offset: int, words: int, tick: int) -> NDArray[np.uint32]:
        """Return words; a block that lies in a buffer at once."""
        channel = offset // 0x10000 - 1
        if channel < 0:
            return super().read(offset, words, tick)
        if channel > 1:
            return np.zeros(words, np.uint32)
        self.catch_up(tick)
        self._buffer.keep(self._count(tick))
        return (self._buffer.read(channel, offset % 0x10000 // 4, words) & DAC_MASK).astype(np.uint32)

    def read_word(self, offset: int, tick: int) -> int:
        """Return a word as it is at `tick`."""
        self.catch_up(tick)
        if offset == _CONTROL:
            return self._armed * _ARM | self._delayed * _DELAYED | self._keep * _KEEP
        if offset == _POINTER:
            return self._count(tick) % LENGTH
        if offset == _TRIGGER_POINTER:
            return (self._trigger or 0) % LENGTH
        if offset == _SINCE_ARM:
            return self._count(tick) if self._trigger is None else self._trigger
        if offset in (_NOW_1, _NOW_2):
            return self._signals.now(self._input(offset == _NOW_2), tick) & DAC_MASK
        if offset in (_TIME, _TIME + 4):
            return tick >> 8 * (offset - _TIME)
        if offset in (_TRIGGER_TIME, _TRIGGER_TIME + 4):
            return self._trigger_tick >> 8 * (offset - _TRIGGER_TIME)
        if offset == _ENOUGH:
            return int(self._count(tick) >= self._earliest)
        return super().read_word(offset, tick)

    def write_word(self, offset: int, value: int, tick: int) -> None:
        """Finish what was going on, then take the word."""
        self.catch_up(tick)
        if offset == _CONTROL:
            self._control(value, tick)
            return
        count = self._count(tick)
        if offset in (_DECIMATION, _AVERAGING) and self._armed:
            self._buffer.keep(count)
            self._base_count, self._base_tick = count, tick
        super().write_word(offset, value, tick)
        if offset == _SOURCE:
            self._looked, self._level = count, 0
            if value == _SOFTWARE and self._armed and count >= self._earliest:
                self._triggered(count, tick)

    def catch_up(self, tick: int) -> None:
        """Work out what happened until `tick`."""
        if not self._armed:
            return
        count = self._count(tick)
        if self._trigger is None and count > self._earliest:
            self._look_for_trigger(count)
        if self._delayed and self._trigger is not None:
            end = self._trigger + max(1, self.words[_AFTER]) + 1
            if count >= end:
                self._finish(end)

    def _control(self, value: int, tick: int) -> None:
        if value & (_RESET | _ARM):
            self._armed = bool(value & _ARM)
            self._delayed = False
            self._trigger = None
            self._base_count, self._base_tick, self._end = 0, tick, 0
            self._looked, self._level = 0, 0
            self._buffer.restart()
        if value & _RESET:
            self.words[_SOURCE] = _OFF
            self._trigger_tick = tick
        self._keep = bool(value & _KEEP)

    def _count(self, tick: int) -> int:
        """Return how many samples were taken since the arming, until `tick` or until it ended."""
        if not self._armed:
            return self._end
        return self._base_count + (tick - self._base_tick) // self._decimation

    @property
    def _decimation(self) -> int:
        return max(1, self.words[_DECIMATION])

    @property
    def _earliest(self) -> int:
        """Number of the first sample that may trigger."""
        after = self.words[_AFTER]
        return 0 if after >= LENGTH else LENGTH - after + 1

    def _ticks(self, begin: int, end: int) -> NDArray[np.int64]:
        numbers = np.arange(begin, end, dtype=np.int64)
        return self._base_tick + (numbers + 1 - self._base_count) * self._decimation

    def _take(self, channel: int, begin: int, end: int) -> NDArray[np.float64]:
        average = self._decimation if self.words[_AVERAGING] else 1
        return self._signals.slot(self._input(channel), self._ticks(begin, end), average)

    def _input(self, channel: int) -> int:
        """Return the slot that a channel looks at: what the slot of its number has for its input."""
        return self._signals.slots[SLOTS[channel]].chosen

    def _triggered(self, sample: int, tick: int) -> None:
        self._trigger, self._trigger_tick, self._delayed = sample, tick, True

    def _finish(self, end: int) -> None:
        self._delayed = False
        self.words[_SOURCE] = _OFF
        if not self._keep:
            self._buffer.keep(end)
            self._armed, self._end = False, end

    def _look_for_trigger(self, count: int) -> None:
        source = self.words[_SOURCE]
        if source in _EDGES:
            self._look_for_edge(*_EDGES[source], count)
        elif source in (_ASG0, _ASG1):
            self._look_for_cycle(source - _ASG0, count)

    def _look_for_edge(self, channel: int, rising: bool, count: int) -> None:
        begin = max(self._looked, self._earliest - _BLOCK, count - _SCANNED)
        if begin > self._looked:
            self._level = 0
        while self._trigger is None and begin < count:
            end = min(begin + _BLOCK, count)
            edge, self._level = first_edge(
                self._buffer.samples(channel, begin, end),
                signed(self.words[_THRESHOLD]),
                abs(signed(self.words[_HYSTERESIS])),
                rising=rising,
                earliest=self._earliest - begin,
                level=self._level,
            )
            if edge is not None:
                sample = begin + edge
                self._triggered(sample, int(self._ticks(sample, sample + 1)[0]))
            self._looked = begin = end

    def _look_for_cycle(self, channel: int, count: int) -> None:
        player = self._asg.player(channel)
        begin = max(self._looked, self._earliest)
        if player is None or player.step == 0 or begin >= count:
            return
        first = int(self._ticks(begin, begin + 1)[0])
        cycle = player.next_cycle(first)
        sample = begin + -((first - cycle) // self._decimation)
        if sample < count:
            self._triggered(sample, cycle)
