"""``headrace retrain`` says what is wrong before it asks anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.cli import main
from headrace.cli.template import __file__ as template
from headrace.files import load_pipeline

FILE = str(Path(template))


def model() -> str:
    """A declared model of the file that `headrace init` writes."""
    return load_pipeline(FILE).champion


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "l2"], "--set 'l2' is no NAME=VALUE"),
        (["--set", "nothing=1"], "--set: 'nothing' is no parameter; there are "),
        (["--reason", "x" * 2000], "--reason has 2,000 characters"),
        (["--by", "x" * 2000], "--by has 2,000 characters"),
    ],
)
def test_option_that_cannot_be_is_told_with_a_way_out(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = [] if "--reason" in options else ["--reason", "for the test"]
    assert main(["retrain", FILE, model(), *reason, *options]) == 2
    assert told in capsys.readouterr().err


def test_model_that_is_not_declared_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retrain", FILE, model()[:-1], "--reason", "for the test"]) == 2
    assert f"did you mean {model()!r}?" in capsys.readouterr().err


def test_reason_must_be_given() -> None:
    assert main(["retrain", FILE, model()]) == 2
