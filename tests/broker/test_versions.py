"""Versions that have left come back as they were, as long as the declared retention keeps them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.cli import main
from tests.broker.conftest import Deploy
from tests.broker.deployment import Deployment
from tests.broker.outcomes import exactly_once
from tests.broker.traffic import Traffic

SEED = 29


def say(capsys: pytest.CaptureFixture[str], deployment: Deployment, *words: str) -> Any:
    """What a command prints as JSON."""
    code = main([*words, "--bootstrap", deployment.settings.bootstrap, "--json"])
    said = capsys.readouterr()
    assert code == 0, said
    return json.loads(said.out)


def test_a_version_that_left_comes_back_and_what_is_beyond_the_retention_does_not(
    deploy: Deploy, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = deploy(more="retention=Retention(versions=1, checkpoints=3)", before=RETENTION)
    name, file = deployment.topology.pipeline, str(deployment.file)
    where = ["--bootstrap", deployment.settings.bootstrap]
    traffic = Traffic(deployment, SEED)
    worker = deployment.start()
    traffic.send(300)
    deployment.wait_until(lambda: len(deployment.examples()) > 100, "the labels are learnt")
    for version in (2, 3):
        again = say(
            capsys,
            deployment,
            "retrain",
            file,
            "logistic",
            "--warm",
            "--reason",
            "a copy",
            "--set",
            f"LogisticRegression.l2=0.00{version}",
            "--wait",
        )
        assert again["version"] == version
        traffic.send(100)
        removed = say(capsys, deployment, "models", "remove", name, f"logistic@{version}", "--reason", "enough")
        assert removed["target"] == f"logistic@{version}"
    shown = say(capsys, deployment, "models", "show", name, "logistic@3")
    assert (shown["role"], shown["lineage"]["parent"]) == ("removed", "logistic@1")
    assert len(shown["lineage"]["code"]) == 32

    def deleted() -> list[str]:
        return [f"{one.model}@{one.version}" for one in deployment.controls() if one.action == "deleted"]

    deployment.wait_until(lambda: deleted() == ["logistic@2"], "the retention")
    back = say(capsys, deployment, "models", "rollback", name, "models:/logistic/3", "--reason", "it was good")
    assert (back["verdict"], back["challenger"]) == ("roll_back", "logistic@3")
    traffic.send(200)
    # Whoever starts from a checkpoint goes on with what came back.
    worker.kill()
    deployment.start()
    traffic.send(100)
    traffic.finish()
    exactly_once(traffic)
    assert say(capsys, deployment, "models", "show", name, f"models:/{name}@champion")["state"] == "logistic@3"
    assert [one["role"] for one in say(capsys, deployment, "models", "ls", name, "--all")][-1] == "deleted"
    assert deployment.predictions()[-1].version == 3
    report = deployment.replay()
    assert report.agrees, report.differences
    assert main(["models", "rollback", name, "logistic@2", "--reason", "why not", *where]) == 2
    assert "logistic@2" in capsys.readouterr().err


RETENTION = """
from headrace import Retention


def numbers(event):
    return {"a": event["a"], "b": event["b"]}
"""
