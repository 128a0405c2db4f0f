"""Errors that a user can act on.

    SedaError
    ├── ConfigError            a setting outside its range, an unknown name
    ├── ClassTextError         the list of class texts cannot be used
    ├── ImageError             one image cannot be read; the rest of a batch goes on
    ├── SoundError             one sound cannot be read; likewise
    ├── DataError              a data set or a feature file cannot be used
    ├── EncoderError           an encoder cannot be built
    │   └── WeightsError       its weights are missing, unreachable or not the expected ones
    ├── ShapeError             arrays that do not fit together
    ├── SchedulerError         a noise scheduler that cannot be used on features
    ├── AlignerError           an aligner cannot be loaded or used
    │   └── FingerprintError   features of one encoder met an aligner or a map made for another
    ├── FileFormatError        a file is damaged, of another kind or of another version
    ├── LimitError             more than this server does for one visitor
    ├── RoomError              a room of phones that is closed, full or not there
    ├── ProjectionError        points that cannot be placed on a map
    └── StorageError           the disk is full, or a folder cannot be written

Every error says what came and what is allowed; `remedy` says what to do about it.
"""


class SedaError(Exception):
    """Base of all errors that are meant to be read by a user.

    Args:
        message: what came and what is allowed, one or two sentences.
        remedy: what the user can do, one sentence; shown on a line of its own.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ConfigError(SedaError):
    """A setting is outside its range, or a name is not known."""


class ClassTextError(SedaError):
    """The list of class texts cannot be used."""


class ImageError(SedaError):
    """One image cannot be read."""


class SoundError(SedaError):
    """One sound cannot be read."""


class DataError(SedaError):
    """A data set, an image folder or a feature file cannot be used."""


class EncoderError(SedaError):
    """An encoder cannot be built or run."""


class WeightsError(EncoderError):
    """The weights of an encoder are missing, cannot be reached, or are not the expected ones."""


class ShapeError(SedaError):
    """Arrays have shapes that do not fit together."""


class SchedulerError(SedaError):
    """A noise scheduler cannot be used on features."""


class AlignerError(SedaError):
    """An aligner cannot be found, loaded or used."""


class FingerprintError(AlignerError):
    """Features of one encoder met an aligner or a map that was made for another."""


class FileFormatError(SedaError):
    """A file is damaged, of another kind, or of a version that this program does not read."""


class LimitError(SedaError):
    """More was asked for than a server does for one visitor, or than it does at once."""


class RoomError(SedaError):
    """A room of phones is closed, full or not there, or what was asked of it is over."""


class ProjectionError(SedaError):
    """Points cannot be placed on a map, or a map cannot be fitted to them."""


class StorageError(SedaError):
    """The disk is full, or a folder cannot be written."""


class Stopped(Exception):
    """A caller's on_step or on_progress asked to stop. Not an error: nothing has gone wrong."""
