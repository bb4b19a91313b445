from __future__ import annotations

import ast
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import parfocal
from parfocal.core.errors import BadArgumentsError, BadInputError, UnknownCommandError
from parfocal.ipc import CommandTable, command

from .bench import Bench


def test_describes_a_class_without_making_one() -> None:
    described = {info.name: info for info in CommandTable.of(Bench).describe()}
    add = described["add"]
    assert add.lane == "main"
    assert add.summary == "Add two numbers."
    assert add.returns == "float"
    assert [(p.name, p.type, p.required, p.default) for p in add.parameters] == [
        ("a", "int", True, ""),
        ("b", "float", False, "1.0"),
        ("note", "str", False, "''"),
    ]
    assert described["record"].on_client_loss == "finish"
    told = {name: (described[name].lane, described[name].effect) for name in ("add", "receiver", "stop")}
    assert told == {
        "add": ("main", "changes"),
        "receiver": ("receiver", "reads"),
        "stop": ("urgent stop", "stops"),
    }


def test_refuses_what_cannot_be_checked() -> None:
    class NoAnnotation:
        @command()
        def move(self, where) -> None: ...  # type: ignore[no-untyped-def]

    class NoReturn:
        @command()
        def move(self, where: float): ...  # type: ignore[no-untyped-def]

    class Anything:
        @command()
        def move(self, *where: float) -> None: ...

    class BuiltIn:
        @command()
        def ping(self) -> None: ...

    for wrong, word in (
        (NoAnnotation, "where"),
        (NoReturn, "returns"),
        (Anything, "where"),
        (BuiltIn, "ping"),
    ):
        with pytest.raises(BadInputError, match=word):
            CommandTable.of(wrong)


def test_names_both_of_two_commands_with_one_name() -> None:
    class Lamp:
        @command()
        def on(self) -> None: ...

    class Fan:
        @command(name="on")
        def start(self) -> None: ...

    with pytest.raises(BadInputError, match=r"Lamp\.on and Fan\.start"):
        CommandTable.of(Lamp(), Fan())


def test_an_override_stays_a_command() -> None:
    class Quiet(Bench):
        def fail(self, what: str) -> None:
            return None

    assert CommandTable.of(Quiet())["fail"].run(what="x") is None


@pytest.mark.parametrize(
    ("positional", "named", "word"),
    [
        ([], {}, "a is missing"),
        (["one"], {}, "a: expected `int`, got `str`"),
        ([1, 2.0, "x"], {}, "positional"),
        ([1], {"a": 1}, "twice"),
        ([1], {"colour": 2}, "no argument 'colour'; known: a, b"),
        ([1], {"b": None}, "b: expected `float`, got `null`"),
    ],
)
def test_arguments_are_refused_by_name(positional: list[object], named: dict[str, object], word: str) -> None:
    with pytest.raises(BadArgumentsError, match=word):
        CommandTable.of(Bench())["add"].check(positional, named)


def test_a_choice_is_refused_with_what_there_is_to_choose_nearest_first() -> None:
    class Generator:
        @command()
        def emit(
            self,
            wave: Literal["ramp", "sin"],
            output: Literal["out1", "out2"] | None = None,
            gains: list[Literal[1, 5]] = [],  # noqa: B006 (never changed)
        ) -> None: ...

    emit = CommandTable.of(Generator())["emit"]
    for wrong, said in (
        ({"wave": "sine"}, r"wave must be 'sin' or 'ramp', not 'sine'$"),
        ({"wave": "sin", "output": "2"}, r"output must be 'out2', 'out1' or None, not '2'$"),
        ({"wave": "sin", "gains": [1, 3]}, r"gains\[1\]: invalid enum value 3$"),
    ):
        with pytest.raises(BadArgumentsError, match=said):
            emit.check([], wrong)


def test_unknown_commands_name_the_nearest() -> None:
    with pytest.raises(UnknownCommandError, match="did you mean 'scan'"):
        CommandTable.of(Bench())["scna"]


def test_arrays_are_converted_only_without_loss() -> None:
    class Camera:
        @command()
        def show(self, image: NDArray[np.float32]) -> None: ...

    show = CommandTable.of(Camera())["show"]
    assert show.check([np.arange(3, dtype=np.uint8)], {})["image"].dtype == np.float32
    assert show.check([[1, 2.5]], {})["image"].dtype == np.float32
    with pytest.raises(BadArgumentsError, match="float64"):
        show.check([np.arange(3.0)], {})


def test_every_command_of_ours_says_what_it_does() -> None:
    undeclared = [
        f"{path.name}:{call.lineno}"
        for path in Path(parfocal.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") == "command"
        and "effect" not in [keyword.arg for keyword in call.keywords]
    ]
    assert undeclared == []


def test_a_declaration_that_means_nothing_is_refused() -> None:
    with pytest.raises(BadInputError, match="'writes'"):
        command(effect="writes")  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="'wait'"):
        command(on_client_loss="wait")  # type: ignore[arg-type]
