"""Alerts: fire once, hold still, are silenced, acknowledged and explained, and are the same on every replay."""

from __future__ import annotations

import pickle
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from models.alerts import ALERTS_MAX, Alerting
from models.conditions import INHIBITIONS, KINDS, MOMENT
from models.fingerprints import fingerprint
from models.mistakes import mistakes
from models.monitoring import Alerts
from schemas.alerts import Alert
from schemas.codec import decode, encode
from schemas.commands import Command, Matcher
from schemas.drift import Cause, Drift
from schemas.errors import BadRecord
from schemas.examples import Control, Example, LogRecord, Notice, Profile
from schemas.promotions import Promotion
from schemas.retrains import Retrain
from schemas.values import Record
from tests.models.stories import pipeline_for

START = datetime(2026, 5, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Log:
    """A learning log in the making, folded as it grows."""

    def __init__(self, **changes: Any) -> None:
        self.pipeline = pipeline_for("binary", **changes)
        self.alerting = Alerting(self.pipeline)
        self.records: list[tuple[int, LogRecord, list[Record]]] = []
        self.alerts: list[Alert] = []
        self.now = START

    def write(self, record: LogRecord, *said: Record) -> list[Alert]:
        offset = 2 * len(self.records)
        self.records.append((offset, record, list(said)))
        alerts = self.alerting.fold(offset, record, said)
        self.alerts += alerts
        return alerts

    def profile(
        self, *said: Record, after: timedelta = MINUTE, events: int = 256, rejected: dict[str, int] | None = None
    ) -> list[Alert]:
        self.now += after
        return self.write(profile_at(self.now, events, rejected), *said)

    def drift(self, cause: Cause, phase: Any = "start", episode: int = 1, **changes: Any) -> list[Alert]:
        return self.profile(drift(self.now, cause, phase, episode), **changes)

    def command(self, action: Any, **arguments: Any) -> list[Alert]:
        return self.write(self.alerting.accept(command(action, **arguments)))

    def named(self, name: str) -> list[Alert]:
        return [alert for alert in self.alerts if alert.name == name]


def profile_at(time: datetime, events: int = 256, rejected: dict[str, int] | None = None) -> Profile:
    return Profile(
        partition=0,
        first=0,
        end=events,
        start=time - timedelta(seconds=1),
        until=time,
        received=time,
        events=events,
        rejected=rejected or {},
        fields={},
    )


def drift(time: datetime, cause: Cause, phase: Any = "start", episode: int = 1) -> Drift:
    return Drift(
        position=0, time=time, detector="e", stream="wind", cause=cause, evidence={}, phase=phase, episode=episode
    )


def command(action: Any, **arguments: Any) -> Command:
    settings: dict[str, Any] = {"id": "command-1", "by": "ada", "reason": "known", "time": START}
    return Command(action=action, **(settings | arguments))


def silence(log: Log, minutes: float, *matchers: Matcher, id: str = "command-1") -> list[Alert]:
    return log.command("silence", id=id, matchers=list(matchers), span_s=60 * minutes)


def control(action: Any, model: str = "tree", version: int = 1) -> Control:
    return Control(action=action, model=model, version=version, reason="log loss 0.01 lower")


def started(**changes: Any) -> Log:
    """A log in which time has begun and the champion is in charge."""
    log = Log(**changes)
    log.write(control("promoted", "logistic"))
    assert log.profile() == []
    return log


REJECTED = {"$.wind type": 64}


def test_alert_has_alertmanagers_shape_and_its_fingerprint() -> None:
    log = started()
    (alert,) = log.drift("concept")
    assert alert.status == "firing"
    assert alert.labels == {"alertname": "Drift", "pipeline": "story", "severity": "critical", "cause": "concept"}
    assert alert.annotations.keys() >= {"summary", "description", "action"}
    assert alert.starts_at == log.now
    assert alert.ends_at is None
    assert alert.fingerprint == fingerprint(alert.labels)
    assert alert.tell
    assert alert.position == log.alerting.position
    assert decode(Alert, encode(alert)) == alert


def test_fingerprint_is_the_one_of_prometheus() -> None:
    # From the tests of github.com/prometheus/common/model.
    assert fingerprint({"name": "garland", "lbl": "briggs"}) == fingerprint({"lbl": "briggs", "name": "garland"})
    assert int(fingerprint({}), 16) == 14695981039346656037
    assert fingerprint({"a": "bc"}) != fingerprint({"ab": "c"})


def test_condition_that_is_said_again_is_one_alert() -> None:
    log = started()
    log.drift("concept")
    assert log.drift("concept", "update") == []
    assert len(log.alerting.firing) == 1


def test_rate_fires_only_when_it_was_above_its_bound_twice_in_a_row() -> None:
    log = started()
    assert log.profile(rejected=REJECTED) == []
    (alert,) = log.profile(rejected=REJECTED)
    assert alert.name == "RejectsAboveRate"
    assert "$.wind type" in alert.annotations["description"]
    assert float(alert.annotations["value"]) == pytest.approx(128 / 896, abs=1e-4)


@pytest.mark.parametrize("name", ["clear", "lag", "stalled"])
def test_span_that_is_none_is_a_mistake(name: str) -> None:
    (found,) = mistakes(pipeline_for("binary", alerts=Alerts(**{name: "soon"})))  # type: ignore[arg-type]
    assert found.startswith(f"alerts: {name}: 'soon' is no duration")


def test_bound_of_the_rate_is_declared() -> None:
    log = started(alerts=Alerts(rejected_share=0.9))
    for _ in range(5):
        log.profile(rejected=REJECTED)
    assert log.alerts == []


def test_few_events_say_nothing_about_a_share() -> None:
    log = Log()
    for _ in range(5):
        log.profile(events=10, rejected={"$ not_json": 9})
    assert log.alerts == []


def test_alert_is_resolved_only_after_its_cause_was_gone_for_a_while() -> None:
    log = started(alerts=Alerts(clear="10m"))
    log.drift("concept")
    began = log.now
    assert log.drift("concept", "end") == []
    gone = log.now
    assert log.profile(after=9 * MINUTE) == []
    (alert,) = log.profile(after=MINUTE)
    assert (alert.status, alert.starts_at, alert.ends_at) == ("resolved", began, gone)
    assert alert.tell
    assert log.alerting.firing == {}


def test_cause_that_comes_and_goes_is_one_alert_that_stays() -> None:
    log = started(alerts=Alerts(clear="10m"))
    for episode in range(20):
        log.drift("concept", "start", episode)
        log.drift("concept", "end", episode, after=5 * MINUTE)
    assert [alert.status for alert in log.alerts] == ["firing"]


def test_episode_whose_cause_becomes_clear_is_another_alert_and_the_first_is_over() -> None:
    log = started()
    log.drift("mixed")
    over, fires = sorted(log.drift("concept", "update"), key=lambda alert: alert.status, reverse=True)
    assert (over.status, over.labels["cause"]) == ("resolved", "mixed")
    assert (fires.status, fires.labels["cause"]) == ("firing", "concept")
    log.drift("concept", "end")
    log.profile(after=timedelta(hours=1))
    assert log.alerting.firing == {}


def test_first_champion_is_no_news_but_a_promotion_is_for_an_hour() -> None:
    log = started()
    assert log.alerts == []
    (alert,) = log.write(control("promoted"))
    assert (alert.name, alert.severity, alert.labels["model"]) == ("Promoted", "info", "tree")
    assert log.profile(after=MOMENT - MINUTE) == []
    (alert,) = log.profile(after=2 * MINUTE)
    assert alert.status == "resolved"
    assert [one.name for one in log.write(control("rolled_back", "logistic"))] == ["RolledBack"]
    assert [one.name for one in log.write(control("quarantined"))] == ["Quarantined"]


def test_what_happens_again_is_told_again() -> None:
    log = started()
    assert [alert.tell for alert in log.write(control("promoted"))] == [True]
    assert [alert.tell for alert in log.write(control("promoted", version=2))] == [True]


def test_retraining_that_failed_is_told() -> None:
    log = started()
    failed = Retrain(id="r", step="failed", model="tree", time=START, reason="out of memory", first=0, end=9)
    assert [alert.name for alert in log.profile(failed)] == ["RetrainFailed"]
    assert log.profile(msgspec.structs.replace(failed, step="finished")) == []


def test_labels_that_do_not_come_in_time_are_told() -> None:
    log = started()
    for number in range(600):
        time = START + timedelta(seconds=number)
        example = Example(id=f"{number}", partition=0, time=time, status="expired", features={}, said=[], position=0)
        log.write(example)
    assert [(alert.name, alert.status) for alert in log.alerts] == [("LabelsMissing", "firing")]
    for number in range(3000):
        time = START + timedelta(seconds=600 + number)
        log.write(
            Example(
                id=f"k{number}", partition=0, time=time, status="known", label=True, features={}, said=[], position=0
            )
        )
    assert [alert.status for alert in log.alerts] == ["firing", "resolved"]


def test_labels_that_are_unavailable_are_not_missing() -> None:
    log = started()
    for number in range(3000):
        time = START + timedelta(seconds=number)
        status: Any = "unavailable" if number % 4 else "known"
        label = None if number % 4 else True
        log.write(
            Example(
                id=f"{number}", partition=0, time=time, status=status, label=label, features={}, said=[], position=0
            )
        )
    assert log.alerts == []


def test_silenced_alert_is_not_told_and_is_told_when_the_silence_is_over() -> None:
    log = started()
    assert silence(log, 30, Matcher(name="alertname", value="Dri*")) == []
    (alert,) = log.drift("concept")
    assert (alert.status, alert.silenced_by, alert.tell) == ("firing", ["command-1"], False)
    assert log.profile(after=20 * MINUTE) == []
    (alert,) = log.profile(after=20 * MINUTE)
    assert (alert.silenced_by, alert.tell) == ([], True)
    assert log.alerting.silences.open == {}


def test_silence_only_holds_for_what_it_matches() -> None:
    log = started()
    silence(log, 30, Matcher(name="cause", value="concept"), Matcher(name="pipeline", value="other"))
    silence(log, 30, Matcher(name="cause", value="concept", equal=False), id="command-2")
    (alert,) = log.drift("concept")
    assert alert.tell
    (alert,) = log.drift("prior", episode=2)
    assert alert.silenced_by == ["command-2"]


def test_silence_that_is_taken_back_is_over_at_once() -> None:
    log = started()
    silence(log, 30, Matcher(name="alertname", value="Drift"))
    log.drift("concept")
    (alert,) = log.command("unsilence", id="command-2", target="command-1")
    assert alert.tell


def test_alert_that_was_never_told_is_not_told_to_be_over() -> None:
    log = started()
    silence(log, 600, Matcher(name="alertname", value="Drift"))
    log.drift("concept")
    log.drift("concept", "end")
    (alert,) = log.profile(after=timedelta(hours=1))
    assert (alert.status, alert.tell) == ("resolved", False)


def test_acknowledged_alert_says_by_whom_until_it_is_over() -> None:
    log = started()
    (alert,) = log.drift("concept")
    (alert,) = log.command("acknowledge", target=alert.fingerprint)
    assert (alert.status, alert.acknowledged_by, alert.tell) == ("firing", "ada", False)
    log.drift("concept", "end")
    (alert,) = log.profile(after=timedelta(hours=1))
    assert (alert.status, alert.tell) == ("resolved", True)
    (alert,) = log.drift("concept", episode=2)
    assert (alert.acknowledged_by, alert.tell) == (None, True)


def test_broken_feed_explains_the_drift_it_causes_until_it_is_over() -> None:
    log = started()
    (feed,) = log.drift("feed_broken")
    (alert,) = log.drift("covariate", episode=2)
    assert (alert.inhibited_by, alert.tell) == ([feed.fingerprint], False)
    log.drift("feed_broken", "end")
    alerts = {alert.name: alert for alert in log.profile(after=timedelta(hours=1))}
    assert alerts["FeedBroken"].status == "resolved"
    alerts |= {alert.name: alert for alert in log.profile()}
    assert (alerts["Drift"].inhibited_by, alerts["Drift"].tell) == ([], True)


def test_alert_that_was_told_before_it_was_explained_is_told_only_once() -> None:
    log = started()
    log.drift("covariate")
    log.drift("feed_broken", episode=2)
    assert [alert.inhibited_by != [] for alert in log.named("Drift")] == [False, True]
    log.drift("feed_broken", "end", episode=2)
    log.profile(after=timedelta(hours=1))
    log.profile()
    assert [alert.tell for alert in log.named("Drift")] == [True, False, False]


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        (command("silence", span_s=60), "$.matchers", "1 to 20 matchers"),
        (command("silence", matchers=[Matcher(name="a", value="b")]), "$.span_s", "up to 90 days"),
        (command("silence", matchers=[Matcher(name="a", value="b")], span_s=-1), "$.span_s", "got -1"),
        (command("silence", matchers=[Matcher(name="a", value="b")], span_s=float("inf")), "$.span_s", "got inf"),
        (command("silence", matchers=[Matcher(name="", value="b")], span_s=60), "$.matchers", "no name"),
        (command("unsilence", target="command-9"), "$.target", "no silence 'command-9'"),
        (command("acknowledge", target="0" * 16), "$.target", "fires"),
        (command("acknowledge"), "$.target", "fires"),
        (command("acknowledge", by="a" * 1001), "$.by", "1,000 characters"),
        (command("promote", model="tree"), "$.action", "promote"),
    ],
)
def test_command_that_can_not_be_done_is_refused_with_its_field(asked: Command, field: str, says: str) -> None:
    with pytest.raises(BadRecord) as caught:
        started().alerting.accept(asked)
    assert (caught.value.reason, caught.value.field) == ("command", field)
    assert says in caught.value.detail


def test_leader_that_has_not_read_all_refuses_no_target_it_may_find() -> None:
    asked = command("acknowledge", target="0" * 16)
    log = started()
    assert log.write(log.alerting.accept(asked, sure=False)) == []


def test_notice_about_something_else_changes_no_alert() -> None:
    log = started()
    (alert,) = log.drift("concept")
    notice = Notice(action="refused", command="c", target=alert.fingerprint, by="ada", reason="")
    assert log.write(notice) == []


@pytest.mark.parametrize("decided", ["promoted", "removed", "refused"])
def test_challenger_that_waits_is_told_until_somebody_has_decided(decided: str) -> None:
    log = started()
    asks = Promotion(
        verdict="promote",
        status="waiting",
        champion="logistic@1",
        challenger="tree@2",
        position=1,
        time=START,
        examples=900,
        evidence={},
        reason="log loss 0.01 lower",
    )
    assert [(alert.name, alert.status) for alert in log.profile(asks)] == [("ChallengerWaiting", "firing")]
    refusal = Notice(action="refused", command="c", target="tree@2", by="ada", reason="")
    log.write(refusal if decided == "refused" else control(decided, "tree", 2))
    log.profile(after=timedelta(hours=2))
    assert [alert.status for alert in log.named("ChallengerWaiting")] == ["firing", "resolved"]


def test_accepted_command_does_nothing_before_it_is_in_the_log() -> None:
    log = started()
    log.drift("concept")
    log.alerting.accept(command("silence", matchers=[Matcher(name="alertname", value="*")], span_s=60))
    assert log.alerting.silences.open == {}


def test_there_is_a_bound_on_alerts_and_one_alert_says_so() -> None:
    log = started()
    many = [drift(START, "concept", "signal") for _ in range(ALERTS_MAX + 5)]
    log.profile(*(msgspec.structs.replace(one, stream=f"f{number}") for number, one in enumerate(many)))
    assert len(log.alerting.firing) == ALERTS_MAX + 1
    assert log.alerting.dropped == 5
    assert len(log.named("TooManyAlerts")) == 1


def seen(action: Any, target: str, reason: str = "it was seen") -> Notice:
    return Notice(action=action, command="", target=target, by="leader", reason=reason)


def test_what_the_leader_saw_by_its_clock_fires_until_it_has_recovered() -> None:
    log = Log(alerts=Alerts(clear="5m"))
    log.profile()
    log.write(seen("troubled", "Lag", "7,000 records wait, the oldest for 400 s"))
    assert list(log.alerting.troubles) == ["Lag"]
    (lag,) = log.alerting.firing.values()
    assert (lag.name, lag.tell) == ("Lag", True)
    assert lag.annotations["description"] == "7,000 records wait, the oldest for 400 s"
    log.write(seen("troubled", "Stalled"))
    firing = {alert.name: alert for alert in log.alerting.firing.values()}
    assert firing["Lag"].inhibited_by == [firing["Stalled"].fingerprint]
    log.write(seen("recovered", "Stalled"))
    log.write(seen("recovered", "Lag"))
    assert list(log.alerting.troubles) == []
    assert len(log.alerting.firing) == 2
    log.profile(after=6 * MINUTE)
    assert not log.alerting.firing
    assert [alert.status for alert in log.named("Lag")][-1] == "resolved"


def test_checkpoint_that_was_refused_is_news_for_a_while() -> None:
    log = Log()
    log.profile()
    log.write(seen("troubled", "CheckpointRefused", "it is signed with another key"))
    assert [alert.name for alert in log.alerting.firing.values()] == ["CheckpointRefused"]
    log.profile(after=MOMENT + 11 * MINUTE)
    assert not log.alerting.firing


def test_trouble_that_this_version_does_not_know_is_passed_over() -> None:
    log = Log()
    log.profile()
    log.write(seen("troubled", "SomethingNew"))
    assert not log.alerting.firing
    assert list(log.alerting.troubles) == []


def test_inhibitions_and_conditions_name_kinds_that_exist() -> None:
    names = {name for rule in INHIBITIONS for name in (*rule.sources, *rule.targets)}
    assert names <= KINDS.keys()


def stormy(seed: int) -> Log:
    """A log in which everything happens at random."""
    chance = random.Random(seed)
    log = started()
    causes: tuple[Cause, ...] = ("concept", "prior", "feed_broken", "labels_late", "covariate", "mixed")
    for number in range(400):
        after = timedelta(minutes=chance.randrange(15))
        match chance.randrange(6):
            case 0 | 1:
                log.drift(
                    chance.choice(causes), chance.choice(("start", "update", "end")), chance.randrange(4), after=after
                )
            case 2:
                log.profile(after=after, rejected=REJECTED if chance.random() < 0.7 else {})
            case 3:
                log.write(control(chance.choice(("promoted", "rolled_back")), chance.choice(("tree", "logistic"))))
            case 4:
                matcher = Matcher(name="alertname", value=chance.choice(("Drift", "F*", "Rejects*")))
                silence(log, chance.randrange(1, 60), matcher, id=f"command-{number}")
            case _:
                if log.alerting.firing:
                    log.command("acknowledge", target=chance.choice(sorted(log.alerting.firing)))
    return log


@pytest.mark.parametrize("seed", range(5))
def test_replay_gives_the_same_alerts_also_from_a_checkpoint_in_the_middle(seed: int) -> None:
    log = stormy(seed)
    assert len(log.alerts) > 40
    for cut in (0, 57, 200):
        straight = Alerting(log.pipeline)
        again = [alert for entry in log.records[:cut] for alert in straight.fold(*entry)]
        restored = Alerting(log.pipeline)
        restored.restore(pickle.loads(pickle.dumps(straight.state())))
        again += [alert for entry in log.records for alert in restored.fold(*entry)]
        assert again == log.alerts


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_each_alert_fires_is_told_and_resolved_in_turn(seed: int) -> None:
    log = stormy(seed)
    states: dict[str, tuple[bool, bool]] = {}
    for alert in log.alerts:
        fired, told = states.get(alert.fingerprint, (False, False))
        if alert.status == "resolved":
            assert fired, "only what fires can be resolved"
            assert alert.tell == told, "people hear of the end exactly if they heard of the beginning"
            assert alert.ends_at is not None
            assert alert.starts_at <= alert.ends_at
            states[alert.fingerprint] = (False, False)
        else:
            assert not (alert.tell and alert.suppressed)
            momentary = KINDS[alert.name].momentary
            assert not (alert.tell and told) or momentary, "once is enough"
            states[alert.fingerprint] = (True, told or alert.tell)
    assert {name for name, (fired, _) in states.items() if fired} == log.alerting.firing.keys()


def test_notice_survives_the_wire() -> None:
    notice = started().alerting.accept(command("silence", matchers=[Matcher(name="a", value="b")], span_s=60))
    assert decode("examples", encode(notice)) == notice
    assert isinstance(notice, Notice)
