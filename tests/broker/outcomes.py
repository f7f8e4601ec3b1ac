"""What must hold of everything that was written, however often workers were killed."""

from __future__ import annotations

from collections import Counter

from schemas.examples import Control, Example
from tests.broker.traffic import Traffic


def settled(traffic: Traffic) -> bool:
    """Whether every label that came, and every one that will not, is in the log."""
    statuses = Counter(example.status for example in traffic.deployment.examples())
    return statuses["known"] >= len(traffic.labels) and statuses["expired"] >= len(traffic.expired)


def exactly_once(traffic: Traffic) -> int:
    """Assert that each event was answered once, each label learnt once, and that the replay agrees.

    Returns
    -------
    How many predictions the replay compared.
    """
    deployment = traffic.deployment
    deployment.wait_until(lambda: settled(traffic), "all labels are in the log")
    answers = Counter(prediction.id for prediction in deployment.predictions())
    assert sorted(answers) == [f"{number:06}" for number in range(traffic.events)]
    assert {id for id, count in answers.items() if count > 1} == set()

    examples = [record for record in deployment.log() if isinstance(record, Example)]
    assert {id for id, count in Counter(example.id for example in examples).items() if count > 1} == set()
    known = {example.id: example.label for example in examples if example.status == "known"}
    assert known == traffic.labels
    assert {example.id for example in examples if example.status == "expired"} == traffic.expired
    assert {example.status for example in examples} <= {"known", "expired"}
    assert deployment.rejects() == []
    served_as_learnt(traffic)

    report = deployment.replay()
    assert report.differences == []
    assert report.without_features == 0
    assert (report.compared, report.equal) == (traffic.events, traffic.events)
    return report.compared


def served_as_learnt(traffic: Traffic) -> None:
    """Assert that each example holds the features, the answers and the position that were served."""
    deployment = traffic.deployment
    features = {record.id: record.features for record in deployment.features()}
    served = {prediction.id: prediction for prediction in deployment.predictions()}
    for example in deployment.examples():
        prediction = served[example.id]
        assert example.features == features[example.id]
        assert example.position == prediction.position
        assert (example.said, example.served) == (prediction.said, prediction.served)


def declared_once(traffic: Traffic) -> None:
    """Assert that no model was started anew on the way: each is added once, and one is promoted."""
    controls = Counter(
        (record.action, record.model) for record in traffic.deployment.log() if isinstance(record, Control)
    )
    assert set(controls.values()) == {1}
    assert controls["promoted", "logistic"] == 1
