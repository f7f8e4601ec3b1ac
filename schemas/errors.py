"""Every error of Headrace, named by what is done next.

::

    HeadraceError                what every error here is; its text is written for the person who reads it
    ├── BadRecord                reject this record with its address, go on with the next
    ├── UserError                the person can mend it: say what, where and how; the command ends with exit code 2
    │   ├── PipelineError        mistakes in a pipeline file, all at once
    │   └── SettingsError        a setting has a wrong value
    ├── Unavailable              something outside is away: retry within a bound, then stop; exit code 1
    │   ├── BrokerUnavailable    no broker answers
    │   └── Fenced               another worker has taken over: give up what is not committed and start afresh
    ├── CheckpointRefused        do not load this checkpoint, fall back to the one before
    └── Stalled                  no progress while work waits: end the process with a reason

What must hold inside is asserted; an ``AssertionError`` stops the worker now.
"""

from __future__ import annotations

from collections.abc import Sequence


class HeadraceError(Exception):
    """Base of every error of this project."""


class BadRecord(HeadraceError):
    """A record that no worker can use, at any time.

    Parameters
    ----------
    reason
        A stable word of :data:`schemas.rejects.REASONS`, for counting.
    detail
        The sentence for a person.
    field
        Path of the field in the record, ``$.distance``; ``$`` for the record as a whole.
    """

    def __init__(self, reason: str, detail: str, field: str = "$") -> None:
        super().__init__(f"{reason}: {detail} - at `{field}`")
        self.reason = reason
        self.detail = detail
        self.field = field


class UserError(HeadraceError):
    """Something the person who runs the command can mend."""


class PipelineError(UserError):
    """All the mistakes found in one pipeline file.

    Parameters
    ----------
    where
        The file, or the name of the pipeline where there is no file.
    mistakes
        One sentence each: argument, wrong value, what is accepted, the nearest name.
    """

    def __init__(self, where: str, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(f"{where}: {mistake}" for mistake in mistakes))
        self.where = where
        self.mistakes = tuple(mistakes)


class SettingsError(UserError):
    """A setting (``HEADRACE_...``) has a value that is not accepted."""


class Unavailable(HeadraceError):
    """Something outside this process does not answer."""


class BrokerUnavailable(Unavailable):
    """No Kafka broker answers, or none can be started."""


class Fenced(Unavailable):
    """Another process with the same name or a newer assignment owns the work."""


class CheckpointRefused(HeadraceError):
    """A checkpoint is incomplete, altered, or signed with another key."""


class Stalled(HeadraceError):
    """Work waits and nothing moves."""
