"""Services that come and go while their rig runs."""

from __future__ import annotations

import pytest

from parfocal.core.errors import BadInputError, CommandFailedError, ConfigError, ProcessError, StartError
from parfocal.core.status import RigStatus
from parfocal.processes import directory

from .conftest import PATIENCE_S


def test_a_service_is_added_and_removed_and_everybody_sees_it(make_rig, spec, tmp_path) -> None:
    diary = tmp_path / "diary"
    rig, ears = make_rig(spec())
    with rig, directory.connect("bench") as other:
        rig.add(spec("late", depends_on=("a",), settings={"diary": str(diary)}))
        assert ears.find("services", names=["a", "late"]) is not None
        assert directory.rig_record("bench").services == ("a", "late")
        assert set(other.call("status", timeout_s=30, returns=RigStatus).services) == {"a", "late"}
        with rig.client("late") as client:
            assert client.call("double", 4, timeout_s=30) == 8
        with pytest.raises(BadInputError, match=r"\['late'\] depend on service 'a'; remove them first"):
            rig.remove("a")
        rig.remove("late")
        assert diary.read_text().split("\n")[:4] == ["late open", "late safe", "late safe", "late close"]
        assert directory.rig_record("bench").services == ("a",)
        assert directory.record("bench", "late") is None
        with pytest.raises(BadInputError, match="has no service 'late'"):
            rig.client("late")
        rig.add(spec("late"))
        assert rig.status().services["late"].state == "ready", "its name is free again"
    assert {service.pid for service in rig.status().services.values()} == {0}


def test_another_process_adds_and_removes_with_its_own_search_path(make_rig, spec, tmp_path) -> None:
    (tmp_path / "boilers_of_mine.py").write_text(
        "from parfocal.ipc import command\nfrom parfocal.processes import Service\n"
        "class Boiler(Service):\n    @command()\n    def heat(self) -> int:\n        return 100\n"
    )
    boiler = {"name": "boiler", "factory": "boilers_of_mine:Boiler"}
    rig, _ = make_rig(spec())
    with rig, directory.connect("bench") as client:
        client.call("add", [boiler], [str(tmp_path)], timeout_s=PATIENCE_S)
        with directory.connect("bench", "boiler") as added:
            assert added.call("heat", timeout_s=30) == 100
        client.call("remove", "boiler", timeout_s=PATIENCE_S)
        with pytest.raises(CommandFailedError, match="has no service 'boiler'"):
            client.call("remove", "boiler", timeout_s=PATIENCE_S)


def test_what_does_not_start_is_taken_back(make_rig, spec) -> None:
    rig, _ = make_rig(spec())
    with rig:
        with pytest.raises(StartError, match="no camera on port 7"):
            rig.add(spec("good"), spec("bad", "FailsToOpen", depends_on=("good",), policy="stop"))
        assert set(rig.status().services) == {"a"}
        assert rig.status().state == "running"
        with pytest.raises(ConfigError, match="two services named 'a'"):
            rig.add(spec("a"))
        with pytest.raises(ConfigError, match="depends on 'b', which is none"):
            rig.add(spec("c", depends_on=("b",)))
    with pytest.raises(ProcessError, match="does not run"):
        rig.add(spec("c"))


def test_parts_go_with_the_service_that_they_belong_to(make_rig, spec) -> None:
    rig, _ = make_rig(spec("part", part_of="whole"), spec("whole", depends_on=("part",)))
    with rig:
        rig.remove("whole")
        assert rig.status().services == {}
