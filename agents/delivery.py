"""alerts → people: a thread that tells the receivers, at least once, apart from the line and its transactions.

The steps, in this order:

1. Read ``alerts`` from its beginning: what an earlier deliverer is through with only says how things stand.
2. Gather what comes together, for :data:`GATHER_S`, and keep the newest record of each alert.
3. Tell each receiver, all at the same time, one message for each group of alerts; try again where that helps.
4. Write what a receiver did not take to ``rejects``, with its name and the reason.
5. Commit how far it has read.

A crash before 5 sends again what 3 has sent; nothing is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from agents.receivers import RECEIVERS_MAX, Receiver, receivers
from models.payloads import Group, group_of, groups, wanted
from schemas.alerts import Alert
from schemas.codec import decode
from schemas.errors import BadRecord, HeadraceError, Unavailable
from schemas.rejects import Reject, to_headers
from schemas.traceparent import traceparent_of
from schemas.values import Address
from streams.batches import Incoming, Outgoing
from streams.settings import Settings
from streams.subscriber import Subscriber
from streams.topology import Topology

logger = logging.getLogger(__name__)

#: Seconds for which what belongs together is gathered.
GATHER_S = 1.0

#: How often a message is tried, and the seconds before the second time; each further wait is twice as long.
ATTEMPTS_MAX = 5
BACKOFF_S = 1.0

#: Seconds after which nothing is tried again in this round: alerts of other receivers wait for it.
ROUND_S_MAX = 120.0

#: Seconds that the thread is waited for; what is being sent then is sent again.
STOP_S = 5.0

#: Seconds between two lives after a broker was away.
RESTART_S = 5.0


class Known(NamedTuple):
    """An alert, the record it came as, and when it was told of last (monotonic)."""

    alert: Alert
    record: Incoming
    at_s: float


class Undelivered(NamedTuple):
    """What a receiver did not take."""

    receiver: str
    reason: str
    alerts: tuple[Alert, ...]


class _Stopped(Exception):
    """Told to stop while something was being sent."""


class Delivery:
    """Tells receivers what changes on ``alerts``.

    Parameters
    ----------
    settings, topology
        Where the brokers are, and after how long an alert is repeated.
    receivers
        Whom to tell.
    backoff_s
        Seconds before a message is tried the second time.
    """

    def __init__(
        self, settings: Settings, topology: Topology, receivers: Sequence[Receiver], backoff_s: float = BACKOFF_S
    ) -> None:
        self._settings = settings
        self._topology = topology
        self._receivers = receivers
        self._backoff_s = backoff_s
        self._stopping = threading.Event()
        self._lives = 0
        self._forget()

    def start(self) -> threading.Thread:
        """Begin, in a thread of its own."""
        thread = threading.Thread(target=self.run, name="delivery", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End; what is being sent is sent again by whoever comes next."""
        self._stopping.set()

    def run(self) -> None:
        """Deliver until told to stop, whatever happens to the brokers."""
        while not self._stopping.is_set():
            try:
                self._live()
            except _Stopped:
                return
            except HeadraceError as error:
                logger.warning("delivery of alerts starts afresh: %s", error)
                self._stopping.wait(RESTART_S)

    def _live(self) -> None:
        self._lives = 0
        subscriber = Subscriber(self._settings, self._topology, "alerts", "delivery")
        try:
            while not self._stopping.is_set():
                self._round(subscriber)
        finally:
            subscriber.close()

    def _forget(self) -> None:
        #: Alerts that fire.
        self._firing: dict[str, Known] = {}
        #: Alerts to be told of.
        self._changed: dict[str, Known] = {}
        #: Whether everything that was there at the beginning has been read.
        self._caught_up = False
        #: The offset behind the last record.
        self._next = 0

    def _round(self, subscriber: Subscriber) -> None:
        begun_s = time.monotonic()
        records = self._read(subscriber)
        news = bool(records)
        while records:
            self._take(records, subscriber.through or 0)
            if time.monotonic() - begun_s > GATHER_S:
                break
            records = self._read(subscriber)
        if not self._caught_up:
            if not subscriber.at_end:
                return
            self._caught_up = news = True
            if subscriber.through is None:
                # Nobody was told of anything so far: what is over by now, or taken up, is no news.
                self._changed = {
                    name: known
                    for name, known in self._changed.items()
                    if name in self._firing and known.alert.acknowledged_by is None
                }
        self._repeat()
        if self._changed:
            self._write(subscriber, self._tell())
            self._changed = {}
        elif not news:
            return
        subscriber.commit(self._next)

    def _read(self, subscriber: Subscriber) -> list[Incoming]:
        records = subscriber.read(0.2)
        if subscriber.lives != self._lives:
            # Given anew, or taken away: it is read from the beginning again.
            self._lives = subscriber.lives
            self._forget()
        return records

    def _take(self, records: list[Incoming], through: int) -> None:
        now_s = time.monotonic()
        for record in records:
            self._next = record.offset + 1
            try:
                alert = decode(Alert, record.value or b"")
            except BadRecord as error:
                logger.warning("%s[0]@%d is no alert: %s", self._topology.name("alerts"), record.offset, error)
                continue
            name, known = alert.fingerprint, Known(alert, record, now_s)
            if alert.status == "resolved":
                self._firing.pop(name, None)
            else:
                self._firing[name] = known
            if alert.status == "firing" and alert.suppressed:
                self._changed.pop(name, None)
            elif (alert.tell and record.offset >= through) or name in self._changed:
                self._changed[name] = known

    def _repeat(self) -> None:
        now_s = time.monotonic()
        for name, known in self._firing.items():
            alert = known.alert
            quiet = alert.suppressed or alert.acknowledged_by is not None
            if not quiet and now_s - known.at_s >= self._settings.alerts_repeat_s:
                self._changed[name] = known

    def _tell(self) -> list[Undelivered]:
        """Tell all receivers at once; gives what was not taken."""
        now_s = time.monotonic()
        messages = self._messages()
        deadline_s = now_s + ROUND_S_MAX
        with ThreadPoolExecutor(RECEIVERS_MAX, thread_name_prefix="receiver") as pool:
            told = [pool.submit(self._tell_one, receiver, messages, deadline_s) for receiver in self._receivers]
            undelivered = [failure for future in told for failure in future.result()]
        for name in self._changed:
            if name in self._firing:
                self._firing[name] = self._firing[name]._replace(at_s=now_s)
        return undelivered

    def _messages(self) -> list[Group]:
        """What has changed, each with what else fires in its group."""
        changed = [known.alert for known in self._changed.values()]
        touched = {group_of(alert) for alert in changed}
        others = [
            known.alert
            for name, known in self._firing.items()
            if name not in self._changed and not known.alert.suppressed and group_of(known.alert) in touched
        ]
        return groups(changed + others)

    def _tell_one(self, receiver: Receiver, messages: list[Group], deadline_s: float) -> list[Undelivered]:
        undelivered = []
        for group in messages:
            heard = tuple(alert for alert in group.alerts if wanted(alert, receiver.severity))
            news = tuple(alert for alert in heard if alert.fingerprint in self._changed)
            if not news:
                continue
            reason = self._send(receiver, Group(group.labels, heard, self._trace_of(news)), deadline_s)
            if reason is not None:
                logger.warning("receiver %s was not told of %s: %s", receiver.name, group.labels["alertname"], reason)
                undelivered.append(Undelivered(receiver.name, reason, news))
        return undelivered

    def _trace_of(self, news: tuple[Alert, ...]) -> str:
        records = (self._changed[alert.fingerprint].record for alert in news)
        newest = max(records, key=lambda record: record.offset)
        return (traceparent_of(newest.headers, newest.value) or b"").decode()

    def _send(self, receiver: Receiver, group: Group, deadline_s: float) -> str | None:
        """Try until it is taken; gives why it was not."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                receiver.send(group)
                return None
            except BadRecord as error:
                return error.detail
            except Unavailable as error:
                if attempt == ATTEMPTS_MAX or time.monotonic() > deadline_s:
                    return f"{error}, tried {attempt} times"
            except Exception as error:  # a service of somebody else's; its text may hold the address
                return type(error).__name__
            if self._stopping.wait(self._backoff_s * 2 ** (attempt - 1)):
                raise _Stopped
        raise AssertionError("the last attempt returns")

    def _write(self, subscriber: Subscriber, undelivered: list[Undelivered]) -> None:
        """Let nothing get lost that was not taken."""
        outgoing = []
        for failure in undelivered:
            for alert in failure.alerts:
                record = self._changed[alert.fingerprint].record
                source = Address(topic=self._topology.name("alerts"), partition=0, offset=record.offset)
                detail = f"receiver {failure.receiver!r}: {failure.reason}"
                reject = Reject(source=source, reason="delivery", field="$", detail=detail, stage="delivery")
                outgoing.append(Outgoing("rejects", 0, record.key, record.value, to_headers(reject)))
        if outgoing:
            subscriber.write(outgoing)


@contextmanager
def delivering(settings: Settings, topology: Topology) -> Iterator[None]:
    """Deliver meanwhile, if the environment names anybody to tell.

    Raises
    ------
    UserError
        If what it names is wrong.
    """
    whom = receivers(settings)
    if not whom:
        yield
        return
    delivery = Delivery(settings, topology, whom)
    logger.info("alerts go to %s", ", ".join(receiver.name for receiver in whom))
    thread = delivery.start()
    try:
        yield
    finally:
        delivery.stop()
        thread.join(STOP_S)
