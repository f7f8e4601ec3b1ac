"""Workers write profiles of what they have seen into the learning log, all in the same bins."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy
import pytest

from models.bins import NumberBins
from models.references import Reference, References
from schemas.codec import decoder
from schemas.examples import Example, Profile
from tests.broker.conftest import Deploy
from tests.broker.deployment import PARTITIONS, Deployment
from tests.broker.outcomes import declared_once, exactly_once, settled
from tests.broker.traffic import Traffic

SEED = 20_130_208
WINDOW = 40
REFERENCE = 100
BAD = 30

MORE = f"profile_events={WINDOW}, drift=Drift(reference_examples={REFERENCE}),"
BEFORE = """
from headrace import Drift

def numbers(event):
    return {"a": event["a"], "b": event["b"]}
"""


def profiled(deploy: Deploy) -> Deployment:
    """The usual pipeline with small windows and an early reference."""
    return deploy(before=BEFORE, more=MORE)


def profiles(deployment: Deployment) -> dict[int, list[Profile]]:
    """The profiles in the log by partition, in order."""
    found: dict[int, list[Profile]] = {partition: [] for partition in range(PARTITIONS)}
    for record in deployment.log():
        if isinstance(record, Profile):
            found[record.partition].append(record)
    return found


def references(deployment: Deployment) -> dict[int, Reference]:
    """Every reference that a fold over the log comes to, by its position."""
    fold, found = References(deployment.pipeline), {}
    decode = decoder("examples")
    for record in deployment.read("examples"):
        fold.fold(record.offset, decode(record.value or b""))
        if fold.reference is not None:
            found[fold.reference.position] = fold.reference
    return found


@pytest.mark.timeout(120)
def test_profiles_add_up_to_what_was_served_in_the_bins_that_the_log_fixes(deploy: Deploy) -> None:
    deployment = profiled(deploy)
    traffic = Traffic(deployment, SEED)
    deployment.start()
    for count in (400, 800):
        traffic.send(count)
        for number in range(BAD):
            deployment.send("events", f"bad-{number}", b'{"id": "bad", "at": "soon"}')
        traffic.finish()
        deployment.wait_until(lambda: settled(traffic), "all labels are in the log")

    bad = Counter((reject.source.partition, reject.source.offset) for reject in deployment.rejects())
    answered = {(one.event.partition, one.event.offset): one for one in deployment.predictions()}
    features = {(one.event.partition, one.event.offset): one.features for one in deployment.features()}
    known = references(deployment)
    in_bins = 0
    for partition, windows in profiles(deployment).items():
        assert len(windows) >= 5
        assert windows[0].first == 0
        assert all(one.end == other.first for one, other in pairwise(windows))
        for window in windows:
            places = [(partition, offset) for offset in range(window.first, window.end)]
            there = [place for place in places if place in answered]
            assert window.events == len(there)
            refused = sum(bad[place] for place in places)
            assert window.rejected == ({"$.at time": refused} if refused else {})
            assert window.duplicates == len(places) - len(there) - refused
            assert window.end - window.first >= WINDOW
            assert set(window.fields) == {"a", "b", "score:logistic@1"}
            values = numpy.array([features[place]["a"] for place in there], dtype=float)
            assert window.fields["a"].count == len(there)
            assert window.fields["a"].total == pytest.approx(values.sum())
            assert window.fields["a"].maximum == values.max()
            assert window.latency_p99_ms is not None
            if window.reference is None:
                assert window.fields["a"].bins == []
                continue
            bins = known[window.reference].bins["a"]
            assert isinstance(bins, NumberBins)
            assert window.fields["a"].bins == bins.count(values)
            in_bins += 1
    assert in_bins > 4
    assert bad.total() == 2 * BAD
    shows_them(deployment, sum(len(windows) for windows in profiles(deployment).values()))


def shows_them(deployment: Deployment, windows: int) -> None:
    """Assert that the command line tells what lies in the log."""
    brief = deployment.run("profile", str(deployment.file))
    assert f"in {windows} profiles" in brief
    assert "score:logistic@1" in brief
    told = json.loads(deployment.run("profile", str(deployment.file), "a", "-n", "3", "--json"))
    rows = told["fields"]["a"]
    assert len(rows) <= 3
    assert sum(row["events"] for row in rows) == sum(
        window.events for found in profiles(deployment).values() for window in found
    )
    assert all(row["minimum"] <= row["mean"] <= row["maximum"] for row in rows)
    assert "did you mean 'score:logistic@1'" in deployment.run(
        "profile", str(deployment.file), "score:logistc@1", code=2
    )


@pytest.mark.timeout(180)
def test_profiles_disturb_neither_the_kills_nor_the_rebuilding_nor_the_replay(deploy: Deploy) -> None:
    deployment = profiled(deploy)
    traffic = Traffic(deployment, SEED)
    for _ in range(5):
        before = deployment.processed()
        worker = deployment.start()
        traffic.send(150)
        deployment.wait_for_progress(before)
        worker.kill()
    deployment.start()
    traffic.finish()

    compared = exactly_once(traffic)
    declared_once(traffic)
    found = profiles(deployment)
    known = references(deployment)
    # The same bins before and after a start: there is one reference, for the champion never changed.
    assert len(known) == 1
    assert {window.reference for windows in found.values() for window in windows} <= {None, *known}
    # What a kill has lost is a gap, and nothing is counted twice.
    assert all(one.end <= other.first for windows in found.values() for one, other in pairwise(windows))
    counts = Counter(type(record) for record in deployment.log())
    print(f"{compared} compared; {counts[Profile]} profiles among {counts[Example]} examples")
