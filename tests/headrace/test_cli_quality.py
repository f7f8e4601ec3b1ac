"""What a person reads of a health report."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from headrace.cli.quality import show
from schemas.codec import decode
from schemas.health import Health

GOLDEN = Path(__file__).parent.parent / "golden" / "headrace.health.v1.json"


def lines_of(health: Health, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show(health)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_models_objectives_groups_and_estimates_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(decode(Health, GOLDEN.read_bytes()), capsys)
    for told in (
        "labels 4,980 known, 12 corrected, 141 expired, 35 unavailable, about 240 waiting, coverage 97.2%, median delay 8,280 s",
        "logistic@1 champion 4,980 0.7810 0.4921",
        "LogLoss better than prior by 0.02 over 7d met 0.0651 0.0310 to 0.0990 3,120 2,110 2026-05-01 00:00",
        "origin JFK 1,660 98.0% 8,100 s 19,800 s 0.7900 0.4700",
        "origin all others 12",
        "Estimate without labels, invalid under concept drift: logistic@1 Accuracy 0.7860, LogLoss 0.4810 on the last "
        "2,048 newest events",
    ):
        assert any(told in line for line in lines), told


def test_report_without_objectives_and_groups_says_nothing_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    health = decode(Health, GOLDEN.read_bytes())
    plain = msgspec.structs.replace(health, objectives=[], groups=[], estimates=[])
    told = "\n".join(lines_of(plain, capsys))
    assert "logistic@1" in told
    assert "objective" not in told
    assert "group" not in told
    assert "Estimate" not in told


def test_report_of_a_worker_before_objectives_is_still_read(capsys: pytest.CaptureFixture[str]) -> None:
    before = (
        b'{"position":5,"time":"2026-05-01T14:00:00Z","window":10,"models":[{"model":"logistic","version":1,'
        b'"champion":true,"count":5,"metrics":{"LogLoss":0.5},"rolling":{"LogLoss":0.4}}],'
        b'"labels":{"known":5,"corrected":0,"expired":0,"coverage":1.0}}'
    )
    assert any("logistic@1 champion 5 0.5000 0.4000" in line for line in lines_of(decode(Health, before), capsys))
