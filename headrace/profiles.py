"""What came in, field by field, read from the profiles in a pipeline's learning log."""

from __future__ import annotations

from headrace.history import Row, fields_of, row_of, stretches
from models.names import nearest
from schemas.codec import decoder
from schemas.errors import UserError
from schemas.examples import Profile
from streams.cluster import reach
from streams.log import LogReader
from streams.settings import Settings
from streams.topology import Topology

#: Stretches of time at most, where nothing else is said.
ROWS = 24

#: Keys of the profiles in the learning log begin so: nothing else need be decoded.
KEY = b"profile-"


def read(settings: Settings, topology: Topology) -> list[Profile]:
    """All profiles in the learning log.

    Raises
    ------
    UserError
        If there is no learning log.
    BrokerUnavailable
        If it can't be read.
    """
    name = topology.name("examples")
    if name not in reach(settings).partitions:
        raise UserError(f"{name} is not at {settings.bootstrap}; create the topics with `headrace apply FILE`")
    decode = decoder("examples")
    with LogReader(settings, name, 0, 0) as log:
        records = [decode(record.value or b"") for record in log.to_end() if (record.key or b"").startswith(KEY)]
    return [record for record in records if isinstance(record, Profile)]


def over_time(
    settings: Settings, topology: Topology, field: str | None = None, rows: int = ROWS
) -> dict[str, list[Row]]:
    """Fields over time, of all partitions together.

    Parameters
    ----------
    field
        A feature, or ``score:<model>@<version>``; ``None``: all of them.
    rows
        Stretches of event time at most.

    Returns
    -------
    Its rows by field; nothing where there is no profile yet.

    Raises
    ------
    UserError
        If there is no learning log, or no such field.
    BrokerUnavailable
        If it can't be read.
    """
    profiles = read(settings, topology)
    if not profiles:
        return {}
    names = known(field, profiles)
    parts = stretches(profiles, rows)
    return {name: [row_of(part, name) for part in parts] for name in names}


def known(field: str | None, profiles: list[Profile]) -> list[str]:
    """The fields that are asked for.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    names = fields_of(profiles)
    if field is None:
        return names
    if field not in names:
        raise UserError(f"there is no field {field!r}{nearest(field, names)}; there are {', '.join(names)}")
    return [field]
