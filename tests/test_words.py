"""The names of the code are those of the glossary in docs/architecture.md, and no private words."""

import ast
import keyword
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "parfocal"

REPLACED = {
    "ward": "supervised service",
    "pulse": "heartbeat monitor",
    "desk": "dispatcher",
    "reception": "receiver",
    "deputy": "standby",
    "errand": "callback",
    "bury": "fail pending calls",
    "obituary": "exit report",
    "casualty": "exit report",
    "autopsy": "exit report",
    "pin": "lease",
    "limbo": "retired slots",
    "shelf": "frame slots",
    "seat": "reader entry, rig connection",
    "vacate": "detach",
    "bell": "wake-up pipe, doorbell",
    "roster": "call table, reader table",
    "crew": "workers",
    "front": "coordinator",
    "bite": "batch",
    "intake": "sink input",
    "bench": "device context",
    "keeping": "artifacts",
    "lastwords": "final manifest",
    "tally": "counters",
    "courier": "signal bridge",
    "bank": "double buffer",
    "hosting": "host",
    "afresh": "reset",
    "befell": "incidents",
}
PLURALS = {"bury": ("buries", "buried"), "obituary": ("obituaries",), "casualty": ("casualties",)}
PLURALS |= {"tally": ("tallies",), "shelf": ("shelves",)}

# What a word means in its own field, and where: everything that stands here is found there.
STANDARD = {
    ("pin", "devices/redpitaya"): "a pin of a connector",
    ("bank", "devices/redpitaya"): "the two rows of such pins, P and N",
}

# Names of two classes: one idea in two packages, or a plain word inside one file of each.
SHARED = {
    "Regions": "the tracker's, and a viewer's copy of them",
    "MakeSafe": "one order, to a server and to a child",
    "Flag": "a bit: of a register, of a row",
    "Piece": "a part of bytes on the wire, of rows on the disk",
    "Request": "of a server's, before it is answered; of a window's, and what became of it",
}

# Classes whose names are plain English, by the package that they stand in: events and orders of a table or a
# pipe, parts of one file, terms of optics, electronics and windows.
PLAIN = {
    "analysis": """
        Assignment Cellpose Merge StarDist
    """,
    "app": """
        Column LineList Listed Outgoing Preview QuestionBar QueueBars Sent StartPage StopBar
    """,
    "cli": """
        Exit
    """,
    "core": """
        Alive Attach Beat CanAbort CanFail CanResume Cancel HasLimits HasSpeed HasVersions Hello QueueDepth
        Release Reminder Sensor Stimulations
    """,
    "devices": """
        Acquisition Angle Caller Epoch Flag Generator
        HealthCheck Housekeeping Level Link Modules Picture Piece
        Plant Player Readout RedPitaya Sampler Settling Shuffled Signals SlowOutputs
        Smoothing TcpLink Tone
    """,
    "formats": """
        Contents Pages Selection SourcedValue Unreadable Words
    """,
    "ipc": """
        Declaration Declared Decoder Incoming Interrupt MakeSafe ParameterInfo Send Unsent
        WakeUpPipe
    """,
    "runs": """
        Abort Acquire Acquired AllOf Announced Answer AnyOf Ask Await AwaitMore Began Begun Called Close
        Closed Darken Decide Decided Drain Drained Element Extended
        Expose Exposed Fetch Fetched Found FreeDisk GivenArguments Hold Instruments Lag Machine Negation Noted
        Observation Observed OperatorAnswer Pause Pausing PostponedWork Reading
        Performer Place Placed Prepare QueueLevel Remembered Replaced Replanned Restarted Resume Settled
        SharedInstruments Sleep Stopped TaskFailed Timing Visits Wake Warmed Woken
    """,
    "processes": """
        Abandon Announcer AskToStop BackOff BackOffOver Begin Change Changes Charge End Ending
        Exited Failed Failure HandShake HealthLines Hung KillAfter Leaving Life MakeSafe Open
        OrderlyEnd Plugin Ready ReportHandler Reporter Reports Restart Spawn Stamps Start StartLimit Stop
        Verbose
    """,
    "rig": """
        DetachedStart Finding
    """,
    "storage": """
        Collected Edit Ended HeaderFile Incident LentBatch Moment Numbering Opener Piece
        Site SlowDisk Span SyncThread
    """,
    "streams": """
        Cursors Former Owner Ringer Waiting
    """,
    "tracking": """
        Bins BlockMemory Candidates Flag Optics PixelGrid PixelResponse Stiffness Work
        WormLikeChain
    """,
    "viewers": """
        Budget Clicked Clicks Content Display Drawn LevelsBar LineMarks Lines NapariWindow
        Outbox Outcomes Rate Received ScaleBar Selected Theme Ticket
    """,
}


def words(name: str) -> list[str]:
    """
    >>> words("_RingWriterOf_IQData2")
    ['ring', 'writer', 'of', 'iq', 'data', '2']
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [part.lower() for part in parts]


def files() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path


@cache
def names() -> frozenset[tuple[str, str]]:
    """Return each file with its own name's parts and every name that stands in its code."""
    return frozenset(_names())


def _names() -> Iterator[tuple[str, str]]:
    for where, path in files():
        for part in where.removesuffix(".py").split("/"):
            yield where, part
        with path.open("rb") as source:
            for token in tokenize.tokenize(source.readline):
                if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                    yield where, token.string


@cache
def forms() -> dict[str, str]:
    """Return the replaced words by all of their forms."""
    found = {}
    for word in REPLACED:
        for form in (word, f"{word}s", *PLURALS.get(word, ())):
            found[form] = word
    return found


@cache
def replaced_in(name: str) -> set[str]:
    known, parts = forms(), words(name)
    pairs = [first + second for first, second in pairwise(parts)]
    return {known[part] for part in [*parts, *pairs] if part in known}


def test_no_name_is_one_of_the_replaced_words() -> None:
    wrong, used = set(), set()
    for where, name in names():
        for word in replaced_in(name):
            allowed = [key for key in STANDARD if key[0] == word and where.startswith(key[1])]
            used.update(allowed)
            if not allowed:
                wrong.add(f"{where}: {name} (say: {REPLACED[word]})")
    assert not wrong, "\n".join(sorted(wrong))
    assert used == set(STANDARD), "an exception that nothing needs any more"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("_front_desk", "front"),
        ("PinnedSlots", None),
        ("tallies", "tally"),
        ("LastWords", "lastwords"),
        ("doorbell", None),
    ],
)
def test_replaced_words_are_found_as_words(name: str, word: str | None) -> None:
    assert (word in replaced_in(name)) if word else not replaced_in(name)


def glossary() -> set[str]:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = text.split("## The words\n")[1].split("\n## ")[0]
    return {word for term in re.findall(r"\*\*([\w ]+)\*\*", section) for word in words(term)}


@cache
def public_classes() -> tuple[tuple[str, str], ...]:
    return tuple(_public_classes())


def _public_classes() -> Iterator[tuple[str, str]]:
    for where, path in files():
        if where.startswith("testing/"):
            continue  # what tests need: named after what goes wrong in it
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield where, node.name


def belongs(name: str, known: set[str]) -> bool:
    singular = {word.removesuffix("s") for word in known}
    return any(part.removesuffix("s") in singular for part in words(name))


def test_every_public_class_belongs_to_a_word_of_the_glossary_or_is_plain() -> None:
    known = glossary()
    strange = {(where.split("/")[0], name) for where, name in public_classes() if not belongs(name, known)}
    plain = {(package, name) for package, line in PLAIN.items() for name in line.split()}
    assert len(known) > 60
    unknown = strange - plain
    assert not unknown, f"add a line to the glossary, or take one of its words: {sorted(unknown)}"
    superfluous = plain - strange
    assert not superfluous, f"no class needs to be listed as plain: {sorted(superfluous)}"


def test_a_name_is_that_of_one_class() -> None:
    places = Counter(name for _, name in public_classes())
    assert {name for name, count in places.items() if count > 1} == set(SHARED)


def test_every_word_of_the_glossary_stands_in_the_code() -> None:
    spoken = {part.removesuffix("s") for _, name in names() for part in words(name)}
    missing = {word for word in glossary() if word.removesuffix("s") not in spoken}
    assert not missing, f"the glossary explains what the code does not say: {sorted(missing)}"


def test_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    there = {path.name for _, path in files()} | {path.name for path in (ROOT / "examples").iterdir()}
    named = {name.rpartition("/")[2] for name in re.findall(r"`([\w/]+\.py)`", text)}
    assert named
    assert named <= there, f"gone or renamed: {sorted(named - there)}"
