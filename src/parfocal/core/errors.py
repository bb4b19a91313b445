"""Every exception of parfocal, as one tree.

::

    ParfocalError
    ├── BadInputError (ValueError)          the caller's: a value that cannot be used; nothing was touched
    │   ├── ConfigError                     a rig file or a setting
    │   ├── ServiceNotFoundError            a rig has no service of that name
    │   └── RunNotFoundError (KeyError)     a rig has no run of that name
    ├── CommandError                        a call that gave no result
    │   ├── UnknownCommandError (AttributeError)    no such command; names the nearest
    │   ├── BadArgumentsError               refused before anything ran
    │   ├── CommandFailedError              it ran and raised: whose fault, with the remote traceback
    │   ├── CancelledError                  somebody cancelled it; queued or running, and why
    │   ├── DeadlineError (TimeoutError)    its time was up
    │   ├── ClaimedError                    a run uses the service; names the run
    │   ├── ProtocolError                   bytes that are no message of ours
    │   └── ServiceUnavailableError         nobody is there to answer
    │       └── ServiceDiedError            it was there and ended, with this exit code
    ├── StreamError
    │   ├── StreamNotFoundError             no stream of that name
    │   ├── StreamClosedError               its writer ended it; everything was read
    │   ├── WriterDiedError                 the process that wrote it has ended without closing it
    │   ├── StreamRemovedError              its file was removed while it was in use
    │   ├── StreamTimeoutError (TimeoutError)   nothing came in time
    │   ├── ReaderOverrunError              a lossless reader with policy "fail" fell behind
    │   ├── StreamInUseError                a living process holds it
    │   ├── ImagesFullError                 an image does not fit beside those that wait
    │   └── ImageGoneError                  it was taken or withdrawn already
    ├── ProcessError
    │   ├── AlreadyRunningError             a rig of that name runs; names its pid
    │   ├── RigNotFoundError                no rig of that name
    │   ├── ResourceInUseError              another process owns the device; names it and its pid
    │   └── StartError                      a service did not become ready; carries the real cause
    ├── DeviceError                         the hardware, or its simulated twin, failed
    │   ├── DeviceTimeoutError (TimeoutError)
    │   ├── FrameLostError                  this one frame; the sequence goes on with the next
    │   ├── MadeSafeError                   an output was made safe while it was set, or since
    │   └── UnconfirmedWriteError           sent, not confirmed: done or not, and never repeated blindly
    ├── StorageError
    │   ├── AlreadyExistsError              never overwritten
    │   ├── DiskFullError
    │   └── FolderVanishedError
    ├── RunFailedError                      a run has failed, or nobody knows how it ended; carries its status
    ├── ViewerError                         a viewer cannot show something; names why
    ├── MovieError                          images in a file cannot be read; names the file and why
    ├── FocusNotFoundError                  no plane of an autofocus stands out as sharp
    └── TrackingError                       tables or regions that do not fit together
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.run_status import RunStatus

_RAISED = re.compile(r"(?P<service>\S+)\.(?P<command>\w+) raised (?P<remote_type>\w+): ")
"""What the message of a command that raised begins with."""


class ParfocalError(Exception):
    """The root of all errors that parfocal raises on purpose."""


class BadInputError(ParfocalError, ValueError):
    """A value from the caller cannot be used. Nothing was touched."""


class ConfigError(BadInputError):
    """A rig file or a setting is wrong; names the key, the value and what to write instead."""


class ServiceNotFoundError(BadInputError):
    """The rig has no service of that name."""


class RunNotFoundError(BadInputError, KeyError):
    """The rig has no run of that name."""

    __str__ = Exception.__str__  # a KeyError would put its message into quotes


class CommandError(ParfocalError):
    """A call gave no result.

    Attributes
    ----------
    service, command : str
        Whom the call was addressed to, and what was asked.
    """

    def __init__(self, message: str, *, service: str = "", command: str = "") -> None:
        super().__init__(message)
        self.service = service
        self.command = command


class UnknownCommandError(CommandError, AttributeError):
    """The service has no command of that name."""


class BadArgumentsError(CommandError, ValueError):
    """The arguments do not fit the command's annotations; it did not run."""


class ClaimedError(CommandError):
    """A run uses the service: nobody else may change it now. It did not run."""


class CommandFailedError(CommandError):
    """The command ran and raised.

    Attributes
    ----------
    remote_type : str
        Name of the exception's class in the service.
    remote_traceback : str
        The traceback, as the service saw it.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str = "",
        command: str = "",
        remote_type: str = "",
        remote_traceback: str = "",
    ) -> None:
        super().__init__(message, service=service, command=command)
        self.remote_type = remote_type
        self.remote_traceback = remote_traceback

    @property
    def original(self) -> ParfocalError | None:
        """What the command raised, if it is of this tree, so that its message says all there is to say.

        Examples
        --------
        >>> message = "stage.move_to raised BadInputError: 9 nm is beyond the limit"
        >>> where = {"service": "stage", "command": "move_to"}
        >>> CommandFailedError(message, **where, remote_type="BadInputError").original
        BadInputError('9 nm is beyond the limit')
        >>> CommandFailedError("...", **where, remote_type="KeyError").original
        """
        kind = _kind_named(self.remote_type)
        if kind is None:
            return None
        words = str(self).removeprefix(f"{self.service}.{self.command} raised {self.remote_type}: ")
        if kind is CommandFailedError and (asked := _RAISED.match(words)):
            return CommandFailedError(words, **asked.groupdict())
        return kind(words)

    @property
    def root(self) -> ParfocalError:
        """What was raised first, where a service had asked another one; this error if that is not told.

        Examples
        --------
        >>> message = "channels.off raised CommandFailedError: lamp.off raised DeviceError: the cable is out"
        >>> where = {"service": "channels", "command": "off", "remote_type": "CommandFailedError"}
        >>> CommandFailedError(message, **where).root
        DeviceError('the cable is out')
        """
        original = self.original
        if isinstance(original, CommandFailedError):
            return original.root
        return original or self


class CancelledError(CommandError):
    """The call was cancelled while ``phase`` ("queued" or "running"), because of ``reason``."""

    def __init__(
        self, message: str, *, service: str = "", command: str = "", phase: str = "", reason: str = ""
    ) -> None:
        super().__init__(message, service=service, command=command)
        self.phase = phase
        self.reason = reason


class DeadlineError(CommandError, TimeoutError):
    """The deadline of the call passed before it had a result."""


class ProtocolError(CommandError):
    """Bytes arrived that are no message of this protocol."""


class ServiceUnavailableError(CommandError):
    """No such service is there to answer."""


class ServiceDiedError(ServiceUnavailableError):
    """The service ended; ``exit_code`` is its exit code, negative for a signal, None if unknown."""

    def __init__(
        self, message: str, *, service: str = "", command: str = "", exit_code: int | None = None
    ) -> None:
        super().__init__(message, service=service, command=command)
        self.exit_code = exit_code


class StreamError(ParfocalError):
    """Something about a stream of frames or rows."""


class StreamNotFoundError(StreamError):
    """There is no stream of that name."""


class StreamClosedError(StreamError):
    """The writer ended the stream, and everything in it was read."""


class WriterDiedError(StreamError):
    """The writing process ended without closing the stream; everything it published was read.

    Another process may take the stream over: reading again waits for it. A reader with ``follow=True`` does
    so by itself.
    """


class StreamRemovedError(StreamError):
    """The stream's file was removed in use: by a logout, a cleaner of shared memory, or by hand."""


class StreamTimeoutError(StreamError, TimeoutError):
    """Nothing arrived within the time asked for, or no room came.

    Attributes
    ----------
    written : int
        How many of the frames or rows that were to be written together are in the stream all the same.
    """

    def __init__(self, message: str, *, written: int = 0) -> None:
        super().__init__(message)
        self.written = written


class ReaderOverrunError(StreamError):
    """A lossless reader with policy "fail" fell behind the writer; ``lost`` frames are gone."""

    def __init__(self, message: str, *, lost: int = 0) -> None:
        super().__init__(message)
        self.lost = lost


class StreamInUseError(StreamError):
    """A living process holds the stream, or the reader's name in it."""


class ImagesFullError(StreamError):
    """An image that is to be handed over does not fit beside those that wait; nothing was copied."""


class ImageGoneError(StreamError):
    """An image that a token names is not there any more."""


class RunFailedError(ParfocalError):
    """A run has failed, or nobody knows how it ended; ``status`` is its final `RunStatus`."""

    def __init__(self, message: str, *, status: RunStatus | None = None) -> None:
        super().__init__(message)
        self.status = status


class ViewerError(ParfocalError):
    """A viewer has not shown what it was sent, or cannot be had; names why."""


class ProcessError(ParfocalError):
    """Starting, finding or ending processes went wrong."""


class AlreadyRunningError(ProcessError):
    """A rig of that name is running; ``pid`` is its process."""

    def __init__(self, message: str, *, pid: int = 0) -> None:
        super().__init__(message)
        self.pid = pid


class RigNotFoundError(ProcessError):
    """No rig of that name is running."""


class ResourceInUseError(ProcessError):
    """Another process owns the resource: ``holder`` is its name, ``pid`` its process."""

    def __init__(self, message: str, *, holder: str = "", pid: int = 0) -> None:
        super().__init__(message)
        self.holder = holder
        self.pid = pid


class StartError(ProcessError):
    """A service did not become ready.

    Attributes
    ----------
    service : str
        Which one.
    exit_code : int or None
        Its exit code if it ended, else None.
    remote_type : str
        Name of the class of what it raised, if it raised.
    remote_traceback : str
        Its own traceback, if it left one.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str = "",
        exit_code: int | None = None,
        remote_type: str = "",
        remote_traceback: str = "",
    ) -> None:
        super().__init__(message)
        self.service = service
        self.exit_code = exit_code
        self.remote_type = remote_type
        self.remote_traceback = remote_traceback

    @property
    def original(self) -> ParfocalError | None:
        """What the service raised, if it is of this tree, so that its message says all there is to say.

        Examples
        --------
        >>> message = "service 'camera' did not become ready: DeviceError: no camera on port 7"
        >>> StartError(message, service="camera", remote_type="DeviceError").original
        DeviceError('no camera on port 7')
        """
        kind = _kind_named(self.remote_type)
        return None if kind is None else kind(str(self).partition(f": {self.remote_type}: ")[2])


class DeviceError(ParfocalError):
    """A device, or its simulated twin, failed."""


class DeviceTimeoutError(DeviceError, TimeoutError):
    """A device did not answer, or did not arrive, in time."""


class FrameLostError(DeviceError):
    """A camera could not deliver the frame whose number is ``frame``; the next call asks for the next one."""

    def __init__(self, message: str, *, frame: int = 0) -> None:
        super().__init__(message)
        self.frame = frame


class MadeSafeError(DeviceError):
    """An output was made safe while it was set, or since: somebody ended, or it was switched off.

    What is wrong is not the device: it takes the same again.
    """


class UnconfirmedWriteError(DeviceError):
    """The connection broke between a write and its confirmation: nobody knows whether it was done."""


class StorageError(ParfocalError):
    """Writing or reading a recording went wrong."""


class AlreadyExistsError(StorageError):
    """The target exists; parfocal never overwrites a recording."""


class DiskFullError(StorageError):
    """No space is left where the recording goes."""


class FolderVanishedError(StorageError):
    """The folder of the recording disappeared while it was written."""


class MovieError(ParfocalError):
    """A file of images, or one image of it, cannot be read; begins with the name of the file."""


class FocusNotFoundError(ParfocalError):
    """No plane of an autofocus stands out as sharp, or the focus lies beyond the outermost ones."""


class TrackingError(ParfocalError):
    """Tables, regions or frames that do not fit together."""


def _kind_named(name: str) -> type[ParfocalError] | None:
    """Return the class of this tree that has this name."""
    kind = globals().get(name)
    return kind if isinstance(kind, type) and issubclass(kind, ParfocalError) else None


def error_text(error: BaseException) -> str:
    r"""Return what an exception of somebody else says, as text that messages and files take.

    It is without half characters, such as stand in names of files that are not in UTF-8; of one that can't
    say anything it is its kind.

    Examples
    --------
    >>> error_text(ValueError("no file a\udcff.txt"))
    'no file a\\udcff.txt'
    """
    try:
        said = str(error)
    except Exception as failed:  # noqa: BLE001 (code of others)
        said = f"{type(error).__name__}, whose text can't be told: {type(failed).__name__}"
    return sendable(said)


def kind_and_text(error: BaseException) -> tuple[str, str]:
    """Return the kind of an exception and what it says; of one that says nothing its kind twice.

    Examples
    --------
    >>> kind_and_text(ValueError("no such bead")), kind_and_text(TimeoutError())
    (('ValueError', 'no such bead'), ('TimeoutError', 'TimeoutError'))
    """
    kind = type(error).__name__
    return kind, error_text(error) or kind


def sendable(text: str) -> str:
    r"""Return a text without half characters, such as stand in names of files that are not in UTF-8.

    Examples
    --------
    >>> sendable("no file a\udcff.txt")
    'no file a\\udcff.txt'
    """
    return text.encode(errors="backslashreplace").decode()


def message_of(error: BaseException) -> str:
    """Return what an error says to a person: of a command that has refused, its own words alone.

    Examples
    --------
    >>> where = {"service": "stage", "command": "move_to", "remote_type": "BadInputError"}
    >>> message_of(CommandFailedError("stage.move_to raised BadInputError: 9 nm is too far", **where))
    '9 nm is too far'
    >>> message_of(KeyError("a"))
    "'a'"
    """
    original = error.original if isinstance(error, CommandFailedError) else None
    return str(error if original is None else original)


def reason_of(error: Exception) -> str:
    """Return why a file cannot be used, for words that name the file: of a system's error the reason alone.

    Examples
    --------
    >>> reason_of(FileNotFoundError(2, "No such file or directory", "plan.yaml"))
    'No such file or directory'
    >>> reason_of(ValueError("it holds no positions"))
    'it holds no positions'
    """
    return getattr(error, "strerror", None) or str(error)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to `name`, or all of them.

    Examples
    --------
    >>> nearest("cammera", ["camera", "tracker"])
    "did you mean 'camera'?"
    >>> nearest("laser", ["camera", "tracker", "camera"])
    'known: camera, tracker'
    """
    words = sorted(set(known))
    close = get_close_matches(name, words, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known: " + ", ".join(words) if words else "none are known"
