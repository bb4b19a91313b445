"""Forces on beads as runs of a rig: ramps, holds, and turns of the magnet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from parfocal.core.errors import BadInputError, ServiceNotFoundError
from parfocal.runs.plans.calls import call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.rig.runs import Runs
    from parfocal.runs.acquisition_mode import AcquisitionMode
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.plans.calls import CallPlan


class PullOptions(TypedDict, total=False):
    """Which service pulls, and how that is recorded, as for `Rig.acquire`.

    Attributes
    ----------
    service : str
        The one of kind "force": "force" unless another is given.
    mode : str
        What is recorded beside the rows of devices: "tracks" unless another is given.
    name, folder, force, notes
        As for `Rig.run`.
    save : bool
        False: it is seen, and nothing of it is stored.
    """

    service: str
    mode: AcquisitionMode
    name: str
    folder: str | Path
    save: bool
    force: bool
    notes: Mapping[str, Any]


class Pulls:
    """Runs of the service that knows the magnet's force. The camera exposes meanwhile."""

    @property
    def runs(self) -> Runs:
        """The runs of the rig."""
        raise NotImplementedError

    def __getitem__(self, service: str) -> Any:
        """Return a service of the rig."""
        raise NotImplementedError

    def keep_light(self) -> None:
        """Have runs end with this program, if the rig does."""
        raise NotImplementedError

    def ramp_force(
        self, *, start_pn: float, stop_pn: float, rate_pn_per_s: float, **options: Unpack[PullOptions]
    ) -> RunHandle:
        """Change the force on the beads at a constant rate, as a run; return its handle at once.

        The magnet goes to its height for `start_pn` first. Cancelled, it stands still where it is; paused,
        it waits there.

        Parameters
        ----------
        start_pn, stop_pn : float
            From which force to which.
        rate_pn_per_s : float
            By how much it changes in a second, positive up and down.
        options
            See `PullOptions`.

        Raises
        ------
        BadInputError
            If the rig has no such service, or an argument can't be; names it. Nothing was started.
        """
        if rate_pn_per_s <= 0:
            raise BadInputError(
                f"rate_pn_per_s must be positive, not {rate_pn_per_s!r}; it is the same both ways"
            )
        asked = {"start_pn": start_pn, "stop_pn": stop_pn, "rate_pn_per_s": rate_pn_per_s}
        lasts_s = abs(stop_pn - start_pn) / rate_pn_per_s
        return self._pull("ramp", asked, lasts_s, options)

    def hold_force(self, force_pn: float, *, seconds: float, **options: Unpack[PullOptions]) -> RunHandle:
        """Pull with one force for some seconds, as a run; as `ramp_force`."""
        if seconds < 0:
            raise BadInputError(f"seconds must be 0 or more, not {seconds!r}")
        return self._pull("hold", {"force_pn": force_pn, "seconds": seconds}, seconds, options)

    def turn_magnet(
        self, turns: float, *, turns_per_s: float | None = None, **options: Unpack[PullOptions]
    ) -> RunHandle:
        """Turn the magnet from where it stands, as a run; as `ramp_force`. Negative turns go backwards."""
        if turns_per_s is not None and turns_per_s <= 0:
            raise BadInputError(
                f"turns_per_s must be above 0, not {turns_per_s!r}; turns tell which way, by their sign"
            )
        lasts_s = abs(turns / turns_per_s) if turns_per_s else 0.0
        return self._pull("turn", {"turns": turns, "turns_per_s": turns_per_s}, lasts_s, options)

    def _pull(
        self, command: str, arguments: dict[str, Any], lasts_s: float, options: PullOptions
    ) -> RunHandle:
        recorded: dict[str, Any] = dict(options)
        service = recorded.pop("service", "force")
        try:
            magnet = self[service].get_settings()["magnet"]
        except (ServiceNotFoundError, KeyError) as error:
            raise BadInputError(
                f"there is no service {service!r} that knows the force of a magnet; a rig file names one as "
                '[services.force] with kind = "force"'
            ) from error
        self.keep_light()
        return self.runs.record(pull_plan(service, command, arguments, magnet, lasts_s), **recorded)


def pull_plan(
    service: str, command: str, arguments: Mapping[str, Any], magnet: str, lasts_s: float
) -> CallPlan:
    """Return a plan that has a service of kind "force" pull while the camera exposes.

    Parameters
    ----------
    service, command : str
        Whom, and what: "hold", "ramp" or "turn".
    arguments : mapping
        What the command takes, by name.
    magnet : str
        The stage that it moves.
    lasts_s : float
        How long that is expected to take; what can't be is not told: the service names it.

    Examples
    --------
    >>> plan = pull_plan("force", "hold", {"force_pn": 5.0, "seconds": 2.0}, "magnet", 2.0)
    >>> next(plan.events()).call.name
    'force.hold'
    """
    return call(
        service, command, arguments, uses=(magnet,), exposing=True, pause="pause", resume="resume",
        expected_s=lasts_s if 0 < lasts_s < math.inf else 0.0,
    )  # fmt: skip
