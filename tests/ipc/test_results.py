"""Results that arrive as what their commands declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError
from parfocal.ipc import Client, CommandTable, Declared, Server, ServiceProxy, command, current_call
from parfocal.ipc.results import result_type


@dataclass(frozen=True, eq=False)
class Curve:
    """What a command returns."""

    volts: NDArray[np.float32]
    more: NDArray[np.float32] | None
    names: tuple[str, ...]

    @property
    def peak(self) -> float:
        return float(self.volts.max())


@dataclass(frozen=True)
class Point:
    """What a command returns."""

    x: float


class Scope:
    @command()
    def curve(self) -> Curve:
        return Curve(np.arange(5, dtype=np.float32), None, ("a", "b"))

    @command()
    def curves(self) -> list[Curve]:
        return [self.curve()]

    @command()
    def several(self) -> tuple[Curve, ...]:
        return (self.curve(),)

    @command()
    def named(self) -> dict[str, Curve | None]:
        return {"a": self.curve(), "b": None}

    @command()
    def pairs(self) -> tuple[int, Curve]:
        return 1, self.curve()

    @command()
    def either(self) -> list[Curve | Point]:
        return [self.curve()]

    @command()
    def perhaps(self, there: bool) -> Curve | None:
        return self.curve() if there else None

    @command(lane="{channel}")
    def hold(self, channel: Literal["one", "two"]) -> None:
        current_call().wait(30.0)

    @command(lane="{channel}")
    def touch(self, channel: Literal["one", "two"]) -> str:
        return channel


@pytest.fixture
def scope(folder: Any) -> Any:
    with Server(CommandTable.of(Scope()), folder, "scope"), Client(folder, "scope") as client:
        yield client


def test_a_declared_dataclass_arrives_as_one(scope: Client) -> None:
    curve = ServiceProxy(scope).curve()
    assert isinstance(curve, Curve)
    assert (curve.peak, curve.names, curve.more) == (4.0, ("a", "b"), None)
    assert curve.volts.dtype == np.float32
    submitted = ServiceProxy(scope).submit("curve").result(timeout_s=30)
    assert isinstance(submitted, Curve)
    assert isinstance(scope.call("curve", returns=Declared), Curve)


def test_a_result_fetched_by_another_client_is_one_too(scope: Client, folder: Any) -> None:
    call = ServiceProxy(scope).submit("curve")
    call.result(timeout_s=30)
    with Client(folder, "scope") as other:
        fetched = ServiceProxy(other).attach_call(call.id).result(timeout_s=30)
    assert isinstance(fetched, Curve)


@pytest.mark.parametrize("command", ["curves", "several", "named", "pairs"])
def test_records_in_a_container_arrive_as_such(scope: Client, command: str) -> None:
    result = getattr(ServiceProxy(scope), command)()
    found = list(result.values()) if isinstance(result, dict) else list(result)
    assert type(result) is {"curves": list, "several": tuple, "named": dict, "pairs": tuple}[command]
    assert [type(each) for each in found] == {"named": [Curve, type(None)], "pairs": [int, Curve]}.get(
        command, [Curve]
    )


def test_a_record_or_nothing_arrives_as_either(scope: Client) -> None:
    assert isinstance(ServiceProxy(scope).perhaps(there=True), Curve)
    assert ServiceProxy(scope).perhaps(there=False) is None


def test_a_class_that_is_not_here_leaves_its_place_plain() -> None:
    kind = result_type('["dict", "", ["union", "no.such:Thing", "tests.ipc.test_results:Curve", "none"]]')
    assert msgspec.convert({"a": {"x": 1}, "b": None}, kind) == {"a": {"x": 1}, "b": None}


def test_results_that_nobody_asked_to_convert_are_plain_data(scope: Client) -> None:
    assert isinstance(scope.call("curve"), dict)
    assert isinstance(scope.call("curves")[0], dict)


def test_the_listing_says_where_the_result_is_found() -> None:
    infos = {info.name: info.result for info in CommandTable.of(Scope).describe()}
    assert infos["curve"] == f"{__name__}:Curve"
    assert infos["curves"] == f'["list", "{__name__}:Curve"]'
    assert infos["either"] == "", "plain data does not say which of the two it is"
    assert infos["hold"] == infos["touch"] == ""


def test_an_argument_chooses_the_lane(scope: Client) -> None:
    first = scope.submit("hold", channel="one")
    behind = scope.submit("touch", channel="one")
    assert scope.call("touch", channel="two", timeout_s=20) == "two"
    assert not behind.done()
    first.cancel()
    assert behind.result(timeout_s=20) == "one"


def test_a_lane_of_an_open_argument_is_refused() -> None:
    class Open:
        @command(lane="{channel}")
        def hold(self, channel: str) -> None: ...

    with pytest.raises(BadInputError, match="Literal"):
        CommandTable.of(Open)
