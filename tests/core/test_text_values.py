"""Text from a command line is read as the type that is declared for it."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from parfocal.core.errors import BadInputError
from parfocal.core.text_values import ALL, kinds_of, named_values, read_value


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "4711", "4711"),
        (str, "0042", "0042"),
        (str, "1e5", "1e5"),
        (str, "true", "true"),
        (str, "null", "null"),
        (str, "[1]", "[1]"),
        (str, '"4711"', "4711"),
        (str | None, "null", None),
        (str | None, "7", "7"),
        (Annotated[str, "a serial number"], "7", "7"),
        (Path, "2026", "2026"),
        (Colour, "7", "7"),
        (Literal["1", "2"], "1", "1"),
        (Literal["off", 1], "1", 1),
        (int | str, "7", 7),
        (int, "7", 7),
        (float, "fast", "fast"),  # refused by whoever checks the type, which names it
        (bool, "true", True),
        (list[str], '["1", "2"]', ["1", "2"]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Any, "7", 7),
        (object, "seven", "seven"),
    ],
)
def test_text_is_read_as_its_declared_type(annotation: Any, text: str, value: Any) -> None:
    read = read_value(text, kinds_of(annotation))
    assert read == value
    assert type(read) is type(value)


def test_a_word_without_an_equals_sign_is_named() -> None:
    with pytest.raises(BadInputError, match="'count' is no argument; write name=value"):
        named_values(["count"], lambda _: ALL)
