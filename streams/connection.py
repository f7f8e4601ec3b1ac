"""How each client library is told to connect: the same settings for all of them."""

from __future__ import annotations

import ssl
from typing import Any

from streams.settings import Settings


def confluent(settings: Settings) -> dict[str, Any]:
    """Connection settings of a confluent-kafka client."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "security.protocol": settings.security_protocol,
        # A consumer that waits must not ask for metadata of topics that do not exist, nor create them.
        "allow.auto.create.topics": False,
    }
    if settings.security_protocol.startswith("SASL"):
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password.get_secret_value(),
        }
    if settings.security_protocol.endswith("SSL"):
        files = {
            "ssl.ca.location": settings.ssl_ca_location,
            "ssl.certificate.location": settings.ssl_certificate_location,
            "ssl.key.location": settings.ssl_key_location,
        }
        config |= {name: str(path) for name, path in files.items() if path is not None}
        if settings.ssl_key_password.get_secret_value():
            config["ssl.key.password"] = settings.ssl_key_password.get_secret_value()
    return config


def aiokafka(settings: Settings) -> dict[str, Any]:
    """Connection arguments of an aiokafka client."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    if settings.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=str(settings.ssl_ca_location) if settings.ssl_ca_location else None)
        if settings.ssl_certificate_location is not None:
            context.load_cert_chain(
                settings.ssl_certificate_location,
                settings.ssl_key_location,
                settings.ssl_key_password.get_secret_value() or None,
            )
        arguments["ssl_context"] = context
    return arguments
