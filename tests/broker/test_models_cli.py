"""What `headrace models` and `headrace why` say of a pipeline that has worked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from headrace import AsyncClient, Client
from headrace.cli import main
from tests.broker.conftest import Deploy
from tests.broker.deployment import NUMBERS_ONLY, Deployment
from tests.broker.outcomes import exactly_once
from tests.broker.traffic import Traffic

SEED = 20


@pytest.fixture
def worked(deploy: Deploy) -> Deployment:
    """A worker has served and learnt, with two models."""
    deployment = deploy(before=NUMBERS_ONLY + "OTHERS = {'plain': linear_model.LogisticRegression()}")
    traffic = Traffic(deployment, SEED)
    deployment.start()
    traffic.send(600)
    traffic.finish()
    exactly_once(traffic)
    return deployment


def say(capsys: pytest.CaptureFixture[str], deployment: Deployment, *words: str) -> Any:
    """What a command prints as JSON."""
    bootstrap = ["--bootstrap", deployment.settings.bootstrap, "--json"]
    code = main([*words, *bootstrap])
    said = capsys.readouterr()
    assert code == 0, said.err
    return json.loads(said.out)


def test_versions_decisions_and_reasons_can_be_asked_for(
    worked: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    name = worked.topology.pipeline
    listed = say(capsys, worked, "models", "ls", name)
    declared = {f"{control.model}@{control.version}" for control in worked.controls() if control.action == "added"}
    assert {each["state"] for each in listed} == declared
    champion = listed[0]["state"]
    assert listed[0]["role"] == "champion"
    assert listed[0]["metrics"]["LogLoss"] > 0

    shown = say(capsys, worked, "models", "show", name, "@champion")
    assert shown["state"] == champion
    assert [reign["state"] for reign in shown["reigns"]] == [champion]
    others = say(capsys, worked, "models", "diff", name, "prior")
    assert others["role"] == {"prior@1": "baseline", champion: "champion"}
    assert say(capsys, worked, "models", "charge", name, "--at", "0") == []
    assert [reign["state"] for reign in say(capsys, worked, "models", "charge", name)] == [champion]

    prediction = worked.predictions()[-1]
    why = say(capsys, worked, "why", name, prediction.id)
    assert why["prediction"]["position"] == prediction.position
    assert why["features"] == next(each.features for each in worked.features() if each.id == prediction.id)
    assert why["example"]["id"] == prediction.id
    assert why["reign"]["state"] == champion
    assert say(capsys, worked, "why", name, champion)["state"] == champion


def test_people_are_told_in_words_and_what_is_unknown_with_what_is_known(
    worked: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    name, where = worked.topology.pipeline, ["--bootstrap", worked.settings.bootstrap]
    prediction = worked.predictions()[-1]
    for words in (["ls"], ["show", "@champion"], ["diff", "prior"], ["charge"]):
        assert main(["models", words[0], name, *words[1:], *where]) == 0
    assert main(["why", name, prediction.id, *where]) == 0
    assert f"{prediction.model}@{prediction.version}:{prediction.position}" in capsys.readouterr().out
    for words in (["models", "show", name, "forest@3"], ["why", name, "nobody"]):
        assert main([*words, *where]) == 2
        assert "prior@1" in capsys.readouterr().err
    assert main(["models", "charge", name, "--at", "noon", *where]) == 2
    assert "noon" in capsys.readouterr().err


def test_a_person_puts_another_model_in_charge_and_takes_it_back(
    worked: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    name, where = worked.topology.pipeline, ["--bootstrap", worked.settings.bootstrap]
    listed = say(capsys, worked, "models", "ls", name)
    champion = listed[0]["state"]
    other = next(each["state"] for each in listed if each["role"] == "challenger")

    promoted = say(capsys, worked, "models", "promote", name, other, "--reason", "a trial", "--by", "Ada")
    assert (promoted["verdict"], promoted["challenger"], promoted["by"]) == ("promote", other, "Ada")
    assert say(capsys, worked, "models", "show", name, "@champion")["state"] == other
    assert main(["models", "promote", name, other, "--reason", "again", *where]) == 2
    assert "is the champion already" in capsys.readouterr().err
    assert main(["models", "promote", name, "prior@1", "--reason", "why not", *where]) == 2
    assert "prior@1" in capsys.readouterr().err
    assert main(["approve", name, "--reason", "fine", *where]) == 2
    assert "waiting for an answer: none" in capsys.readouterr().err

    with Client(name, worked.settings) as client:
        assert client.models().registry.champion == other
        assert [each.challenger for each in client.promotions("earliest", follow=False)] == [other]

    async def ask() -> tuple[str, list[str]]:
        async with AsyncClient(name, worked.settings) as client:
            champion = (await client.models()).registry.champion
            return champion, [each.challenger async for each in client.promotions("earliest", follow=False)]

    assert asyncio.run(ask()) == (other, [other])

    back = say(capsys, worked, "models", "rollback", name, "--reason", "enough")
    assert (back["verdict"], back["challenger"]) == ("roll_back", champion)
    reigns = say(capsys, worked, "models", "charge", name)
    assert [reign["state"] for reign in reigns] == [champion, other, champion]
    assert main(["why", name, other, *where]) == 0
    assert "a trial" in capsys.readouterr().out


def test_promotions_are_frozen_and_thawed_and_what_the_file_declares_is_not_removed(
    worked: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    name, where = worked.topology.pipeline, ["--bootstrap", worked.settings.bootstrap]
    assert say(capsys, worked, "models", "freeze", name, "--reason", "holiday")["action"] == "frozen"
    assert main(["models", "freeze", name, "--reason", "again", *where]) == 2
    assert "frozen already" in capsys.readouterr().err
    assert main(["models", "thaw", name, "--reason", "back", *where]) == 0
    assert main(["models", "remove", name, "plain@1", "--reason", "old", *where]) == 2
    assert "take it out there" in capsys.readouterr().err
