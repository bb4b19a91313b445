"""Results that arrive as what their commands declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError
from parfocal.ipc import Client, CommandTable, Declared, Server, ServiceProxy, command, current_call


@dataclass(frozen=True, eq=False)
class Curve:
    """What a command returns."""

    volts: NDArray[np.float32]
    more: NDArray[np.float32] | None
    names: tuple[str, ...]

    @property
    def peak(self) -> float:
        return float(self.volts.max())


class Scope:
    @command()
    def curve(self) -> Curve:
        return Curve(np.arange(5, dtype=np.float32), None, ("a", "b"))

    @command()
    def curves(self) -> list[Curve]:
        return [self.curve()]

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
    submitted = ServiceProxy(scope).submit("curve").result(timeout_s=10)
    assert isinstance(submitted, Curve)
    assert isinstance(scope.call("curve", returns=Declared), Curve)


def test_a_result_fetched_by_another_client_is_one_too(scope: Client, folder: Any) -> None:
    call = ServiceProxy(scope).submit("curve")
    call.result(timeout_s=10)
    with Client(folder, "scope") as other:
        fetched = ServiceProxy(other).attach_call(call.id).result(timeout_s=10)
    assert isinstance(fetched, Curve)


def test_other_results_are_plain_data(scope: Client) -> None:
    assert isinstance(scope.call("curve"), dict)
    (plain,) = ServiceProxy(scope).curves()
    assert isinstance(plain, dict)


def test_the_listing_says_where_the_result_is_found() -> None:
    infos = {info.name: info.result for info in CommandTable.of(Scope).describe()}
    assert infos == {"curve": f"{__name__}:Curve", "curves": "", "hold": "", "touch": ""}


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
