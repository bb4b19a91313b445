"""What the engine and the process of a script tell one another, through a pair of pipes."""

from __future__ import annotations

import msgspec

from parfocal.runs.scripts.script_source import ScriptSource

# --- to the script


class ScriptSetup(msgspec.Struct, frozen=True, tag=True):
    """The first message: which script, as which run of which rig."""

    rig: str
    run: str
    script: ScriptSource


class HoldScript(msgspec.Struct, frozen=True, tag=True):
    """Hold at the next call of the lab; waits stand still from now on."""


class GoOnWithScript(msgspec.Struct, frozen=True, tag=True):
    """Go on after a pause."""


class FinishScript(msgspec.Struct, frozen=True, tag=True):
    """End after the step in hand."""

    reason: str


class StopScript(msgspec.Struct, frozen=True, tag=True):
    """End at the next call of the lab, or in the wait under way."""

    reason: str


class ScriptAnswer(msgspec.Struct, frozen=True, tag=True):
    """What a person has chosen, and to which question: the script may ask another one by now."""

    choice: str
    number: int


class ServiceClaimed(msgspec.Struct, frozen=True, tag=True):
    """A service is held for the script; or why not. Without `stays` it is to be asked for again."""

    service: str
    error: str = ""
    stays: bool = True


ToScript = (
    ScriptSetup | HoldScript | GoOnWithScript | FinishScript | StopScript | ScriptAnswer | ServiceClaimed
)

# --- from the script


class ScriptBegan(msgspec.Struct, frozen=True, tag=True):
    """``main`` is called now."""


class ScriptStep(msgspec.Struct, frozen=True, tag=True):
    """A step begins: what it is, its number from 1 on, and of how many, 0 if nobody knows."""

    text: str
    number: int
    of: int = 0


class ScriptWaits(msgspec.Struct, frozen=True, tag=True):
    """It waits, for what, and until when on the monotonic clock: 0 without a limit."""

    what: str
    until_ns: int = 0


class ScriptAsks(msgspec.Struct, frozen=True, tag=True):
    """A person is asked, the `number`th question of the script; `until_ns` as in `ScriptWaits`."""

    question: str
    choices: tuple[str, ...]
    number: int
    until_ns: int = 0


class ScriptGoesOn(msgspec.Struct, frozen=True, tag=True):
    """It waits no longer."""


class ScriptHolds(msgspec.Struct, frozen=True, tag=True):
    """It holds, as was asked for."""


class ScriptIsBusy(msgspec.Struct, frozen=True, tag=True):
    """It was asked to hold, and does something else just now: a call of a service, or "" for its own work."""

    what: str


class ClaimService(msgspec.Struct, frozen=True, tag=True):
    """It is about to change a service: it waits for `ServiceClaimed`."""

    service: str


class ScriptEnded(msgspec.Struct, frozen=True, tag=True):
    """``main`` has ended, and so has all that it started.

    `error` is what it raised, and where; "" for nothing. `stopped`: it was ended before its own end.
    """

    error: str = ""
    kind: str = ""
    stopped: bool = False


FromScript = (
    ScriptBegan
    | ScriptStep
    | ScriptWaits
    | ScriptAsks
    | ScriptGoesOn
    | ScriptHolds
    | ScriptIsBusy
    | ClaimService
    | ScriptEnded
)
