"""Asking a Kafka cluster whether it is there and what it holds; every answer comes within a bound."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from schemas.errors import BrokerUnavailable, SettingsError
from streams.connection import confluent
from streams.settings import Settings

#: Seconds until silence counts as absence: people wait for it.
ANSWER_S_MAX = 4.0

#: librdkafka writes its log to stderr unless told that only the end of the world is worth it. Its errors
#: reach us as exceptions anyway. (A ``logger`` argument would do, but crashes some calls of the admin
#: client.)
QUIET = {"log_level": 0}


#: Errors of a connection that say more than that there is none, and what decides about them.
_TELLING = {
    KafkaError._AUTHENTICATION: "HEADRACE_SASL_MECHANISM, _USERNAME and _PASSWORD",
    KafkaError._SSL: "HEADRACE_SSL_CA_LOCATION, _CERTIFICATE_LOCATION and _KEY_LOCATION",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that answers.

    Parameters
    ----------
    id
        Its own id.
    brokers
        Addresses of its nodes, by number.
    partitions
        Name of each topic to its partition count.
    answer_ms
        How long it took to answer.
    """

    id: str
    brokers: dict[int, str]
    partitions: dict[str, int]
    answer_ms: float


def admin(settings: Settings) -> AdminClient:
    """A silent admin client; it connects at its first call."""
    return AdminClient(confluent(settings) | QUIET)


def reach(settings: Settings, timeout_s: float = ANSWER_S_MAX) -> Cluster:
    """Look whether a broker answers, before anything is built on it.

    Raises
    ------
    BrokerUnavailable
        None does; the text names the address and what can be done.
    SettingsError
        The address is none.
    """
    began = time.monotonic()
    reason = _refused(settings.bootstrap, timeout_s / 2)
    if reason:
        raise BrokerUnavailable(_away(settings.bootstrap, reason))
    errors: list[KafkaError] = []
    client = None
    try:
        client = AdminClient(confluent(settings) | QUIET | {"error_cb": errors.append})
        metadata = client.list_topics(timeout=timeout_s)
    except KafkaException as error:
        if client is not None:
            client.poll(0)
        raise BrokerUnavailable(_unheard(settings, [*errors, error.args[0]])) from None
    return Cluster(
        id=metadata.cluster_id or "",
        brokers={number: f"{node.host}:{node.port}" for number, node in metadata.brokers.items()},
        partitions={name: len(topic.partitions) for name, topic in metadata.topics.items()},
        answer_ms=(time.monotonic() - began) * 1000,
    )


def _refused(bootstrap: str, timeout_s: float) -> str:
    """Why none of the addresses takes a connection; empty if one does."""
    reasons = []
    addresses = bootstrap.split(",")
    for address in addresses:
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdecimal():
            raise SettingsError(f"HEADRACE_BOOTSTRAP: expected host:port, or several with commas, got {bootstrap!r}")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s / len(addresses)):
                return ""
        except TimeoutError:
            reasons.append("no answer")
        except (OSError, OverflowError) as error:
            reasons.append(getattr(error, "strerror", None) or str(error))
    return ", ".join(dict.fromkeys(reasons)).lower()


def _unheard(settings: Settings, errors: list[KafkaError]) -> str:
    """Why a broker that takes a connection does not answer."""
    for error in errors:
        if error.code() in _TELLING:
            return (
                f"the broker at {settings.bootstrap} refuses us by {settings.security_protocol}: {error.str()}. "
                f"It is decided by {_TELLING[error.code()]}"
            )
    return _away(
        settings.bootstrap,
        f"no Kafka answer by {settings.security_protocol} ({errors[-1].str()}); "
        "HEADRACE_SECURITY_PROTOCOL must be what the broker expects on this port",
    )


def _away(bootstrap: str, reason: str) -> str:
    return (
        f"no Kafka broker at {bootstrap}: {reason}. Start one here with `headrace broker`, "
        "or set HEADRACE_BOOTSTRAP (or --bootstrap) to the address of yours"
    )
