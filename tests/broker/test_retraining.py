"""A retraining on the real Kafka: asked for, trained in a process of its own, a shadow on every worker, replayed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
from confluent_kafka import Producer

from agents.states import slot_of
from headrace import retrains
from headrace.files import load_pipeline
from schemas.codec import decode, encode
from schemas.commands import Command
from schemas.examples import Control
from schemas.retrains import Retrain
from schemas.values import at_millisecond
from streams.checkpoints import SLOTS
from tests.broker.conftest import Deploy
from tests.broker.deployment import NUMBERS_ONLY, Deployment, Worker
from tests.broker.outcomes import exactly_once
from tests.broker.traffic import Traffic

SEED = 83

EVENTS = 2000


def ask(deployment: Deployment, id: str, model: str = "logistic", window: str | None = None) -> None:
    """Send a command, as `headrace retrain` does."""
    command = Command(
        id=id, action="retrain", model=model, window=window, by="ann", reason="for the test", time=at_millisecond(0)
    )
    write(deployment, "commands", id, encode(command))


def write(deployment: Deployment, noun: str, key: str, value: bytes | None) -> None:
    """Write a record to a topic of one partition."""
    producer = Producer({"bootstrap.servers": deployment.settings.bootstrap})
    producer.produce(deployment.topology.name(noun), value, key.encode(), 0)
    assert producer.flush(30) == 0
    producer.close()


def steps(deployment: Deployment, id: str) -> list[Retrain]:
    """What has become of a retraining."""
    said = (decode(Retrain, record.value or b"") for record in deployment.read("retrains"))
    return [step for step in said if step.id == id]


def wait_for(deployment: Deployment, id: str, step: str) -> Retrain:
    """Wait for a step of a retraining."""
    deployment.wait_until(
        lambda: any(one.step in (step, "failed", "finished") for one in steps(deployment, id)), f"{id} {step}"
    )
    found = [one for one in steps(deployment, id) if one.step == step]
    assert found, steps(deployment, id)
    return found[-1]


def trained(deployment: Deployment) -> list[Control]:
    """The control records that let a trained model join in."""
    return [control for control in deployment.controls() if control.trained is not None]


def shadows(deployment: Deployment) -> set[str]:
    """The models that said something about the newest events."""
    return {f"{said.model}@{said.version}" for one in deployment.predictions()[-20:] for said in one.shadows}


def learnt(traffic: Traffic, count: int) -> None:
    """Send so many events, and wait until most of their labels are in the log."""
    deployment = traffic.deployment
    before = len(deployment.examples())
    for _ in range(0, count, 100):
        # In one go a label could overtake its event by more than it may wait.
        traffic.send(100)
    deployment.wait_until(lambda: len(deployment.examples()) > before + count * 0.8, "the labels are learnt")


def test_trained_challenger_joins_the_shadows_survives_a_kill_and_is_replayed_bit_for_bit(
    deployment: Deployment,
) -> None:
    traffic = Traffic(deployment, SEED)
    worker = deployment.start()
    learnt(traffic, EVENTS)
    ask(deployment, "by-hand")
    finished = wait_for(deployment, "by-hand", "finished")
    assert finished.version == 2
    assert finished.evidence["loss"] < finished.evidence["prior"]
    traffic.send(200)
    deployment.wait_until(lambda: "logistic@2" in shadows(deployment), "the shadow")
    worker.kill()
    deployment.start()
    traffic.send(200)
    traffic.finish()

    assert exactly_once(traffic) == traffic.events
    assert "logistic@2" in shadows(deployment)
    (control,) = trained(deployment)
    assert control.trained is not None
    assert (control.trained.first, control.trained.end) == (0, finished.end)
    assert [one.step for one in steps(deployment, "by-hand") if one.step != "progress"] == [
        "requested",
        "started",
        "finished",
    ]


def test_two_workers_and_one_that_must_train_it_again_agree(deployment: Deployment) -> None:
    traffic = Traffic(deployment, SEED)
    workers = [deployment.start("one"), deployment.start("two")]
    learnt(traffic, EVENTS)
    told = command_line(deployment, "--window", "1000", "--set", "LogisticRegression.l2=0.001", "--wait", "--json")
    finished = json.loads(told)
    assert (finished["step"], finished["version"], finished["method"]) == ("finished", 2, "window")
    assert 900 <= finished["evidence"]["examples"] <= 1300
    traffic.send(200)
    deployment.wait_until(lambda: "logistic@2" in shadows(deployment), "the shadow")
    for worker in workers:
        worker.kill()

    # Nothing is left but the log: whoever starts must train it again.
    state = slot_of("logistic", 2)
    assert {(record.key or b"").decode() for record in deployment.read("models")} >= {state, f"{state}/0"}
    for slot in (*SLOTS, state):
        write(deployment, "models", slot, None)
    worker = deployment.start("one")
    traffic.send(100)
    traffic.finish()
    assert exactly_once(traffic) == traffic.events
    assert "logistic@2 is trained again from the log" in worker.said
    assert "logistic@2" in shadows(deployment)


def command_line(deployment: Deployment, *options: str, code: int = 0) -> str:
    """Ask through the real command line."""
    command = [str(Path(sys.executable).with_name("headrace")), "retrain", str(deployment.file), "logistic"]
    options = (*options, "--reason", "for the test", "--bootstrap", deployment.settings.bootstrap)
    result = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr if code else result.stdout


SLOW = """
import os
import sys
import time

# Only where it is trained apart: the service learns as fast as ever.
TRAINS = sys.argv[0].endswith("trainer.py")
TRACE = {trace!r}


class Slow(preprocessing.StandardScaler):
    def learn_one(self, x):
        super().learn_one(x)
        if TRAINS:
            time.sleep({pause_s})
            with open(TRACE, "a") as trace:
                print(os.getpid(), file=trace)
"""

USUAL = "preprocessing.StandardScaler()"

#: So slow that a training lasts for at least two of its checkpoints.
PAUSE_S = 0.008


def slow(deploy: Deploy, trace: Path, pause_s: float = PAUSE_S, before: str = "", more: str = "") -> Deployment:
    """A pipeline whose training takes its time, and says which process learnt what."""
    deployment = deploy(before=NUMBERS_ONLY + SLOW.format(trace=str(trace), pause_s=pause_s) + before, more=more)
    declared = deployment.file.read_text()
    assert USUAL in declared
    deployment.file.write_text(declared.replace(USUAL, "Slow()"))
    deployment.pipeline = load_pipeline(deployment.file)
    trace.touch()
    return deployment


def trainer_of(worker: Worker) -> psutil.Process | None:
    """The process that trains."""
    for child in psutil.Process(worker.process.pid).children():
        # One that was killed is still there until its parent has looked.
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "agents.trainer" in child.cmdline():
                return child
    return None


def checkpoint(deployment: Deployment) -> Path | None:
    """What a trainer has written down of its progress."""
    return next((deployment.settings.data / "trainings").glob("*/checkpoint"), None)


def wait_for_checkpoint(deployment: Deployment, worker: Worker) -> psutil.Process:
    deployment.wait_until(lambda: checkpoint(deployment) is not None, "the trainer's checkpoint")
    trainer = trainer_of(worker)
    assert trainer is not None
    return trainer


def test_training_goes_on_after_its_process_and_after_the_worker_were_killed(deploy: Deploy, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    deployment = slow(deploy, trace)
    traffic = Traffic(deployment, SEED)
    worker = deployment.start()
    learnt(traffic, EVENTS)
    ask(deployment, "slow")
    trainer = wait_for_checkpoint(deployment, worker)
    trainer.kill()
    deployment.wait_until(lambda: trainer_of(worker) not in (None, trainer), "another trainer")
    second = trainer_of(worker)
    assert second is not None
    deployment.wait_until(lambda: str(second.pid) in trace.read_text().split(), "the second one learns")
    worker.kill()
    second.wait(30)
    worker = deployment.start()
    finished = wait_for(deployment, "slow", "finished")

    learnt_by = Counter(trace.read_text().split())
    assert len(learnt_by) == 3
    assert all(count < finished.evidence["examples"] for count in learnt_by.values())
    assert not list((deployment.settings.data / "trainings").iterdir())
    traffic.send(100)
    traffic.finish()
    assert exactly_once(traffic) == traffic.events
    assert len(trained(deployment)) == 1


SEARCH = """
from river import naive_bayes

from headrace import Retraining, Search

SEARCH = Search(
    alternatives={"logistic": {"LogisticRegression.optimizer.lr": [0.0001]}},
    models={"bayes": naive_bayes.GaussianNB()},
    features=[["a"]],
)
"""

#: Six candidates learn side by side.
SEARCH_PAUSE_S = 0.002


def test_search_goes_on_after_a_kill_and_its_winner_is_trained_again_alone(deploy: Deploy, tmp_path: Path) -> None:
    more = "retraining=Retraining(search=SEARCH),"
    deployment = slow(deploy, tmp_path / "trace", SEARCH_PAUSE_S, SEARCH, more)
    traffic = Traffic(deployment, SEED)
    worker = deployment.start()
    learnt(traffic, EVENTS)
    asked = retrains.command("logistic", "ann", "for the test", search=True)
    write(deployment, "commands", asked.id, encode(asked))
    trainer = wait_for_checkpoint(deployment, worker)
    trainer.kill()
    finished = wait_for(deployment, asked.id, "finished")

    (control,) = trained(deployment)
    winner = control.trained
    assert winner is not None
    assert [len(rung.losses) for rung in winner.rungs] == [6, 2]
    assert winner.rungs[-1].kept == [winner.alternative] == [finished.alternative]
    assert (control.model, winner.parameters, winner.features) == (
        finished.model,
        finished.parameters,
        finished.features,
    )
    assert winner.fit is not None
    assert finished.cpu_s is not None
    state = slot_of(control.model, control.version)
    traffic.send(200)
    deployment.wait_until(lambda: f"{control.model}@{control.version}" in shadows(deployment), "the shadow")
    worker.kill()
    for slot in (*SLOTS, state):
        write(deployment, "models", slot, None)
    worker = deployment.start()
    traffic.send(100)
    traffic.finish()
    # It is replayed to the last bit in there too.
    assert exactly_once(traffic) == traffic.events
    assert f"{control.model}@{control.version} is trained again from the log" in worker.said
    assert "says other things" not in worker.said


POISONED = """
import sys

from river import base

from headrace import Objective, Retraining

TRAINS = sys.argv[0].endswith("trainer.py")


class Poisoned(base.Classifier):
    def learn_one(self, x, y):
        pass

    def predict_proba_one(self, x):
        return {True: float("nan") if TRAINS else 0.5}


OTHERS["bad"] = Poisoned()
"""


def test_poisoned_candidate_fails_with_a_reason_and_is_never_added(deploy: Deploy) -> None:
    more = 'retraining=Retraining(objective=["broken"], models=["bad", "logistic"]),'
    more += 'objective=Objective("LogLoss", at_most=0.01),'
    deployment = deploy(before=NUMBERS_ONLY + POISONED, more=more)
    traffic = Traffic(deployment, SEED)
    deployment.start()
    learnt(traffic, EVENTS)
    deployment.wait_until(lambda: len(trained(deployment)) == 1, "the good one is added")
    said = [decode(Retrain, record.value or b"") for record in deployment.read("retrains")]
    (failed,) = [step for step in said if step.step == "failed"]
    assert (failed.model, failed.trigger) == ("bad", "objective")
    assert "nan, which is no probability" in failed.reason
    assert [control.model for control in trained(deployment)] == ["logistic"]
    told = command_line(deployment, "--window", "soon", code=2)
    assert "'soon' is no duration" in told
