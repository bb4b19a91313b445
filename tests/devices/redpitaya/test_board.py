import threading

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, DeviceError, UnconfirmedWriteError
from parfocal.devices.redpitaya.board import Board
from parfocal.devices.redpitaya.link import TcpLink
from parfocal.devices.redpitaya.registers import Choice, Register, volts

HK, SCOPE = 0x40000000, 0x40100000
LED = Register(name="led", offset=0x30, bits=8)
THRESHOLD = volts("threshold_v", 0x8)
BIT = [Register(name=f"bit{i}", offset=0x30, low_bit=i, bits=1, shared=True) for i in range(8)]
PULSE = Register(name="arm", offset=0x0, bits=2, volatile=True)


class CountingLink:
    """A memory without behaviour, that counts accesses and can lose a write's confirmation."""

    def __init__(self):
        self.words = {}
        self.accesses = []
        self.lose = None

    def read(self, address, words):
        self.accesses.append(("r", address))
        return np.array([self.words.get(address + 4 * i, 0) for i in range(words)], np.uint32)

    def write(self, address, values):
        self.accesses.append(("w", address))
        lose, self.lose = self.lose, None
        if lose != "before":
            self.words |= {address + 4 * i: int(value) for i, value in enumerate(values)}
        if lose is not None:
            raise UnconfirmedWriteError("lost")

    def close(self):
        pass


@pytest.fixture
def memory():
    return CountingLink()


@pytest.fixture
def board(memory):
    return Board(memory)


def test_a_value_is_quantised_and_read_back(board, memory):
    assert board.set(THRESHOLD, SCOPE, 0.1) == 819 / 8192
    assert memory.words[SCOPE + 0x8] == 819
    assert board.set(THRESHOLD, SCOPE, -1) == -1.0
    assert board.get(THRESHOLD, SCOPE) == -1.0


@pytest.mark.parametrize("value", [1.5, -1.001, float("nan"), float("inf")])
def test_bad_values_are_refused_with_limits_and_unit_before_the_bus(board, memory, value):
    with pytest.raises(BadInputError, match=r"threshold_v = .* V is outside of -1 to 1 V"):
        board.set(THRESHOLD, SCOPE, value)
    assert memory.accesses == []


def test_an_unknown_choice_and_a_read_only_register_are_refused(board, memory):
    colour = Choice(name="colour", offset=0, options={"red": 0, "green": 1})
    with pytest.raises(BadInputError, match="did you mean 'green'"):
        board.set(colour, HK, "gren")
    with pytest.raises(BadInputError, match="by the board alone"):
        board.set(Register(name="id", offset=0, access="ro"), HK, 1)
    assert memory.accesses == []


def test_a_register_that_keeps_another_value_is_no_silent_no_op(board, memory, monkeypatch):
    monkeypatch.setattr(memory, "write", lambda address, values: None)
    with pytest.raises(DeviceError, match="led at 0x40000030 reads back"):
        board.set(LED, HK, 5)


def test_shared_words_lose_nobody_s_bits(link):
    board = Board(link)

    def flicker(bit):
        for value in [1, 0] * 25 + [bit % 2]:
            board.set(BIT[bit], HK, value)

    threads = [threading.Thread(target=flicker, args=(bit,)) for bit in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.get(LED, HK) == 0b10101010


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_plain_value_is_written_again_only_after_a_look(board, memory, lost):
    memory.lose = lost
    assert board.set(LED, HK, 7) == 7
    kinds = "".join(kind for kind, _ in memory.accesses)
    assert kinds == {"before": "wrwr", "after": "wrr"}[lost]


def test_a_pulse_is_never_written_again(board, memory):
    memory.lose = "before"
    with pytest.raises(UnconfirmedWriteError):
        board.set(PULSE, SCOPE, 1)
    assert memory.accesses == [("w", SCOPE)]


def test_a_pulse_leaves_no_trace_for_others_to_repeat(board, memory):
    memory.words[SCOPE] = 0xF0
    board.strobe(SCOPE, 0x0F, 0x01)
    assert memory.words[SCOPE] == 0xF0


def test_the_board_survives_a_reconnection(device):
    board = Board(TcpLink("127.0.0.1", device.port, timeout_s=1.0))
    device.inject_fault("drop", letter="w")
    assert board.set(LED, HK, 9) == 9
    board.close()
