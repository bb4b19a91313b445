"""What a frame or a row may be, and what refusals say."""

import msgspec
import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec, RowSpec, StreamSpec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (0, 4)}, "at least one pixel"),
        ({"axes": "y"}, "must name each of the 2 dimensions once"),
        ({"axes": "yy"}, "must name each of the 2 dimensions once"),
        ({"axes": "ab"}, "only the letters t, c, z, y, x"),
        ({"dtype": "uint17"}, "dtype 'uint17' is unknown to numpy"),
        ({"dtype": "O"}, "holds Python objects"),
        ({"pixel_size_um": 0.0}, "pixel_size_um must be positive"),
    ],
)
def test_refusals_name_the_value(change, message):
    with pytest.raises(BadInputError, match=message):
        FrameSpec(**({"shape": (4, 4), "dtype": "uint16"} | change))


@pytest.mark.parametrize("dtype", [np.dtype("u2"), np.dtype([])])
def test_rows_need_named_columns(dtype):
    with pytest.raises(BadInputError):
        RowSpec.of(dtype)


@pytest.mark.parametrize(
    "spec",
    [
        FrameSpec(shape=(3, 512, 640), dtype="uint8", axes="cyx", pixel_size_um=0.1),
        RowSpec(columns=(("frame", "<u8"), ("x_px", "<f8"))),
    ],
)
def test_a_spec_survives_its_journey(spec):
    assert msgspec.json.decode(msgspec.json.encode(spec), type=StreamSpec) == spec


def test_unknown_fields_are_refused():
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"type": "frames", "shape": [2, 2], "dtype": "u1", "colour": "red"}, FrameSpec)


@pytest.mark.parametrize("column", [("spectrum", "<f4", 3), ("spectrum", [("x", "<f8")])])
def test_a_column_of_several_numbers_is_refused_with_its_name(column):
    with pytest.raises(BadInputError, match=r"column 'spectrum' of a row holds .* each number a column"):
        RowSpec.of(np.dtype([("time_ns", "<i8"), column]))
