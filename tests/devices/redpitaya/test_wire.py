import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya import wire

addresses = st.integers(wire.LOWEST // 4, wire.HIGHEST // 4).map(lambda word: 4 * word)


@settings(deadline=None)
@given(addresses, st.integers(1, 200_000), st.integers(100, wire.MAX_WORDS))
def test_pieces_cover_a_block_once_and_each_can_be_asked_for(address, words, most):
    words = min(words, (wire.HIGHEST + 1 - address) // 4)
    at = address
    for piece in wire.pieces(address, words, most):
        assert piece.address == at
        assert piece.words <= most
        assert len(wire.header(wire.READ, piece.address, piece.words)) == 8
        at += 4 * piece.words
    assert at == address + 4 * words


def test_a_header_is_letter_zero_length_and_address_in_little_end():
    assert wire.header(wire.WRITE, 0x40200010, 0x1234) == b"w\x00\x34\x12\x10\x00\x20\x40"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (0x40000000, 0),
        (0x40000000, 65536),
        (0x40000002, 1),
        (0x3FFFFFFC, 1),
        (0x407FFFFC, 2),
        (0x4011FFFC, 2),
    ],
)
def test_what_the_server_would_not_answer_is_refused(address, words):
    with pytest.raises(BadInputError, match=hex(address)):
        wire.header(wire.READ, address, words)


def test_negative_values_travel_as_two_s_complement():
    assert wire.payload(np.array([-1, 1])) == b"\xff\xff\xff\xff\x01\x00\x00\x00"
