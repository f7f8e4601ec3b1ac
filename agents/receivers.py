"""Receivers of alerts: a webhook, or any service that apprise knows. Their addresses are secrets and stay here."""

from __future__ import annotations

import logging
import re
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import requests

from models.payloads import SEVERITIES, Group, text, title, webhook, worst
from schemas.codec import encode
from schemas.errors import BadRecord, SettingsError, Unavailable, UserError
from streams.settings import Settings

#: Seconds that a receiver may take to connect, and then to answer.
TIMEOUT_S = 10.0

RECEIVERS_MAX = 20

#: Answers after which it makes sense to ask again, besides those of 500 and above.
_LATER = (408, 425, 429)

_ENTRY = re.compile(r"(?:(?P<name>[a-z0-9][a-z0-9-]{0,31})(?:\[(?P<severity>[a-z]+)\])?=)?(?P<url>\S+)")


class Receiver(Protocol):
    """Somebody who is told of alerts."""

    @property
    def name(self) -> str:
        """What it is called in messages: its address is a secret."""

    @property
    def severity(self) -> str:
        """The least severity that it wants to hear of."""

    def send(self, group: Group) -> str:
        """Tell it; gives what it answered.

        Raises
        ------
        Unavailable
            If it makes sense to try again.
        BadRecord
            If it does not.
        """


@dataclass(frozen=True, slots=True)
class Webhook:
    """Takes the payload of Alertmanager's webhooks by HTTP.

    Parameters
    ----------
    url, token
        Where, and the bearer token, if any.
    external_url
        Where a person can see more.
    """

    name: str
    severity: str
    url: str = field(repr=False)
    token: str = field(repr=False, default="")
    external_url: str = ""

    def send(self, group: Group) -> str:
        """Tell it; see :class:`Receiver`."""
        headers = {"Content-Type": "application/json", "User-Agent": "headrace"}
        if group.traceparent:
            headers["traceparent"] = group.traceparent
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = encode(webhook(group, self.name, self.external_url))
        try:
            # Redirected, a request would change its method, or go to somebody else.
            answer = requests.post(self.url, body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.Timeout:
            raise Unavailable(f"no answer within {TIMEOUT_S:.0f} s") from None
        except requests.ConnectionError:
            # The library's own text has the address in it.
            raise Unavailable("no connection") from None
        except (requests.RequestException, ValueError) as error:
            raise BadRecord("delivery", f"it can't be asked: {type(error).__name__}") from None
        told = f"HTTP {answer.status_code}"
        if answer.status_code >= 500 or answer.status_code in _LATER:
            raise Unavailable(told)
        if not 200 <= answer.status_code < 300:
            raise BadRecord("delivery", told)
        return told


@dataclass(frozen=True, slots=True)
class Service:
    """A service that apprise knows: mail, chat, pagers.

    Parameters
    ----------
    service
        apprise's object with the address.
    """

    name: str
    severity: str
    service: Any = field(repr=False)

    def send(self, group: Group) -> str:
        """Tell it; see :class:`Receiver`."""
        kinds = {"critical": "failure", "warning": "warning", "info": "info", "resolved": "success"}
        kind = kinds.get(worst(group), "failure")
        if not self.service.notify(body=text(group), title=title(group), notify_type=kind):
            raise Unavailable("apprise could not deliver it")
        return "delivered"


def receivers(settings: Settings) -> list[Receiver]:
    """All that the environment names.

    Raises
    ------
    SettingsError
        If an entry is none; it tells its number, never its text.
    UserError
        If apprise is needed and not installed.
    """
    # At level DEBUG it logs addresses, which are secrets.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    webhooks = _entries("ALERTS_WEBHOOKS", settings.alerts_webhooks.get_secret_value(), "webhook")
    tokens = _tokens(settings.alerts_webhook_tokens.get_secret_value(), [name for name, _, _ in webhooks])
    found: list[Receiver] = [
        Webhook(name, severity, url, tokens.get(name, ""), settings.external_url) for name, severity, url in webhooks
    ]
    services = _entries("ALERTS_APPRISE", settings.alerts_apprise.get_secret_value(), "apprise")
    if services:
        found += [Service(name, severity, _service(name, url)) for name, severity, url in services]
    names = [receiver.name for receiver in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"receivers of alerts: {', '.join(sorted(twice))} is named twice")
    if len(found) > RECEIVERS_MAX:
        raise SettingsError(f"receivers of alerts: {len(found)} are more than {RECEIVERS_MAX}")
    return found


def _entries(setting: str, value: str, kind: str) -> list[tuple[str, str, str]]:
    """Name, severity and address of each entry."""
    entries = []
    for number, entry in enumerate(value.split(), start=1):
        found = _ENTRY.fullmatch(entry)
        where = f"HEADRACE_{setting}: entry {number}"
        if found is None or "://" not in found["url"]:
            raise SettingsError(f"{where} is no address; write URL, name=URL or name[critical]=URL")
        if kind == "webhook" and not found["url"].startswith(("http://", "https://")):
            raise SettingsError(f"{where} is no http or https address; other services go to HEADRACE_ALERTS_APPRISE")
        severity = found["severity"] or SEVERITIES[-1]
        if severity not in SEVERITIES:
            raise SettingsError(f"{where}: severity {severity!r} is not one of {', '.join(SEVERITIES)}")
        entries.append((found["name"] or f"{kind}-{number}", severity, found["url"]))
    return entries


def _tokens(value: str, names: list[str]) -> dict[str, str]:
    """The bearer token of each webhook that has one; nobody is given that of another."""
    tokens = {}
    for number, entry in enumerate(value.split(), start=1):
        name, _, token = entry.partition("=")
        if name not in names or not token:
            known = ", ".join(names) or "none"
            raise SettingsError(
                f"HEADRACE_ALERTS_WEBHOOK_TOKENS: entry {number} is no name=token of a webhook; these are {known}"
            )
        tokens[name] = token
    return tokens


def _service(name: str, url: str) -> Any:
    try:
        apprise = import_module("apprise")
    except ImportError:
        raise UserError("HEADRACE_ALERTS_APPRISE needs apprise: `pip install 'headrace[alerts]'`") from None
    # What it logs has addresses in it.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise()
    with warnings.catch_warnings():
        # It loads its services now, some of which look for modules that Python is about to give up.
        warnings.simplefilter("ignore", DeprecationWarning)
        known = service.add(url)
    if not known:
        raise SettingsError(f"HEADRACE_ALERTS_APPRISE: apprise knows no service for the address of {name!r}")
    return service
