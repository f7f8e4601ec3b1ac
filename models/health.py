"""The fold over the learning log that says how good each model really was."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import numpy as np

from models.groups import Groups, quantile
from models.judged import Judged, Labels
from models.objectives import Objectives, Seen
from models.outcomes import Key, Outcomes, Said, gather
from models.pipeline import Pipeline
from models.profiles import light
from models.reports import cohorts_of, estimates_of, groups_of
from models.servings import Servings
from models.tails import Numbers, Tail
from models.windows import Cohorts
from schemas.examples import Control, Example, LogRecord, Notice, Profile
from schemas.health import Health, LabelHealth, ModelHealth

#: Outcomes that are put into columns together: enough for numpy to pay off, and few to hold on to.
BATCH = 1024

#: Profiles whose latencies and scores are remembered.
PROFILES_MAX = 128

#: For regression, errors count alike in intervals from the spread of the first so many labels on.
SCALE_LABELS = 200


class Monitor:
    """Prequential metrics of every active model, and what became of the labels.

    Each score was served before its label was learnt, so no model is judged on what it had seen. A
    correction takes back what the wrong label added to the metrics over all labels; in the rolling ones it
    counts as a label of its own. So does what makes a label unavailable that was known: it is taken back, and stays in
    the rolling ones. Where the pipeline declares a default, an expired event counts as labelled with it until its label
    comes, or is unavailable.

    Records are gathered and computed in batches. However they are cut, by reports or checkpoints, the results are the
    same to the last bit: all sums go on, one value after the other, from where they were.

    Parameters
    ----------
    pipeline
        Its problem, window, objectives, groups and how often to report.
    """

    layout: ClassVar[int] = 2

    def __init__(self, pipeline: Pipeline) -> None:
        self.position = 0
        self.reported = 0
        self._pipeline = pipeline
        self._gathered: list[Example] = []
        self._profiles: list[Profile] = []
        self._models: dict[Key, Judged] = {}
        self._champion: Key | None = None
        self._servings = Servings()
        self._outcomes_seen = 0
        self._is_news = False
        self._counts = Counter[str]()
        self._time: datetime | None = None
        self._cohorts = Cohorts(pipeline)
        self._groups = Groups(pipeline.groups, pipeline.health_window)
        self._objectives = Objectives(pipeline)
        self._outcomes = Tail(pipeline.health_window, 1)
        self._recent: deque[Profile] = deque(maxlen=PROFILES_MAX)
        self._scale: float | None = None
        self._first_labels: list[float] = []

    def fold(self, offset: int, record: LogRecord) -> Health | None:
        """Take in the record at ``offset``; gives a report when one is due."""
        if offset < self.position:
            return None
        self.position = offset + 1
        if isinstance(record, Example):
            self._gathered.append(record)
            self._is_news = True
            self._outcomes_seen += 1
            if self._outcomes_seen - self.reported >= self._pipeline.health_every:
                return self.report()
            if len(self._gathered) >= BATCH:
                self._compute()
        elif isinstance(record, Control):
            self._compute()
            self._control(record)
        elif isinstance(record, Notice):
            return self.report() if record.action == "quiet" and self._is_news else None
        else:
            # None of its reports rests on their quantiles, and they would make checkpoints large.
            self._profiles.append(light(record))
            self._is_news = True
            if len(self._profiles) >= PROFILES_MAX:
                self._compute()
        return None

    @property
    def news(self) -> bool:
        """Whether labels have come or expired, or events were answered, since the last report."""
        return self._is_news

    def report(self) -> Health:
        """The state of things now. There must have been an outcome or a profile."""
        self._compute()
        assert self._time is not None
        self.reported, self._is_news = self._outcomes_seen, False
        self._cohorts.settle()
        champion = None if self._champion is None else self._models.get(self._champion)
        served = self._servings.judged
        windows = [(over_s, self._cohorts.window(over_s)) for over_s in self._objectives.spans]
        places = [(over_s, self._cohorts.places(window)) for over_s, window in windows]
        seen = Seen(
            champion=champion if served is None else served,
            baselines={one.model: one for one in self._models.values() if one.baseline},
            cohorts=self._cohorts,
            scale=self._scale,
            outcomes=self._outcomes.rows[:, 0],
            latencies=self._latencies(),
        )
        return Health(
            position=self.position,
            time=self._time,
            window=self._pipeline.health_window,
            models=[self._health(one, one is champion, windows) for one in self._models.values()],
            served=None if served is None else self._health(served, False, windows),
            labels=self._label_health(),
            objectives=self._objectives.report(seen, self.position),
            groups=groups_of(self._groups, list(self._models.values()), champion, places, self._scale),
            cohort_s=self._cohorts.width_s,
            cohorts=cohorts_of(self._cohorts),
            estimates=estimates_of(self._pipeline, champion, self._recent),
        )

    def _health(self, one: Judged, is_champion: bool, windows: Sequence[tuple[float, list[int]]]) -> ModelHealth:
        sums = [(over_s, self._cohorts.sum(one.sums.cohorts, window)) for over_s, window in windows]
        return one.health(is_champion, sums, self._scale)

    def _compute(self) -> None:
        """Put what was gathered into the sums."""
        examples, profiles = self._gathered, self._profiles
        self._gathered, self._profiles = [], []
        if not examples and not profiles:
            return
        times = [*(example.time for example in examples), *(profile.until for profile in profiles)]
        newest = max(times)
        self._time = newest if self._time is None else max(self._time, newest)
        over = self._cohorts.advance(newest.timestamp())
        for one in (*self._models.values(), *self._servings):
            one.clear(over)
        for profile in profiles:
            self._cohorts.profile(profile)
            self._recent.append(profile)
        if examples:
            self._add(examples)

    def _add(self, examples: list[Example]) -> None:
        found = gather(self._pipeline, examples, self._models, features=bool(self._groups.names))
        columns = found.known, found.corrected, found.expired, found.unavailable
        known, corrected, expired, unavailable = map(np.array, columns)
        self._count(known, corrected, expired, unavailable)
        cohorts = self._cohorts.rows(np.array(found.times_s))
        self._cohorts.outcomes(cohorts, known, corrected, expired, unavailable)
        self._cohorts.heard(np.array([example.partition for example in examples]), np.array(found.heard_s))
        groups = self._groups.rows(found.features)
        self._groups.outcomes(groups, known, expired, unavailable)
        # A correction of a label that was known is no outcome.
        self._outcomes.add(known[(known > 0) | (expired > 0)][:, None])
        if found.delays:
            places, delays = zip(*found.delays, strict=True)
            self._groups.delayed(groups, np.array(delays), np.array(places, np.intp))
        if not found.labels and not any(said.unlabelled for said in found.said.values()):
            return
        rows = np.array(found.outcomes, np.intp)
        weights = np.array(found.weights)
        clipped = self._clipped(found)
        self._judge(
            Labels(found.labels, weights, clipped, cohorts[rows], [places[rows] for places in groups]),
            found,
            self._servings.said(found, examples),
        )

    def _count(self, known: Numbers, corrected: Numbers, expired: Numbers, unavailable: Numbers) -> None:
        """Count outcomes over all time; what is taken back has been one, too."""
        counted = {
            "known": (known > 0) & (corrected == 0),
            "corrected": corrected > 0,
            "late": (corrected > 0) & (expired < 0),
            "expired": expired > 0,
            "unavailable": unavailable > 0,
            "withdrawn": known < 0,
            # What becomes of an event after its first outcome adds up to zero.
            "settled": known + expired + unavailable,
        }
        self._counts.update({name: round(count.sum()) for name, count in counted.items()})

    def _judge(self, labels: Labels, found: Outcomes, served: Said) -> None:
        spoken = {key: one.add(labels, found.said[key], self._scale) for key, one in self._models.items()}
        baselines = {one.model: spoken[key] for key, one in self._models.items() if one.baseline}
        heard = [(one, spoken[key]) for key, one in self._models.items()]
        heard += [(one, one.add(labels, served, self._scale)) for one in self._servings]
        for one, its in heard:
            for name in one.against:
                if name in baselines:
                    one.compare(labels, its, name, baselines[name])

    def _clipped(self, found: Outcomes) -> Any:
        """1 for each label from which on losses can be clipped, 0 before."""
        clipped = np.ones(len(found.labels))
        if self._pipeline.problem != "regression" or self._scale is not None:
            return clipped
        for row, label in enumerate(found.labels):
            self._first_labels = [*self._first_labels, float(label)]
            spread = max(self._first_labels) - min(self._first_labels)
            if len(self._first_labels) >= SCALE_LABELS and 0 < spread < 1e150:
                self._scale, self._first_labels = spread, []
                clipped[: row + 1] = 0.0
                return clipped
            if len(self._first_labels) > SCALE_LABELS:
                self._first_labels = [min(self._first_labels), max(self._first_labels)] * (SCALE_LABELS // 2)
        return np.zeros(len(found.labels))

    def _control(self, control: Control) -> None:
        key = control.model, control.version
        if control.action == "added":
            baselines = () if control.baseline else self._objectives.baselines
            self._models[key] = Judged(self._pipeline, control, baselines, self._cohorts.size, self._groups.sizes)
        elif control.action in ("removed", "quarantined"):
            self._models.pop(key, None)
        elif control.action in ("promoted", "rolled_back"):
            self._champion = key
        self._servings.follow(control, self._champion, self._models)

    def _latencies(self) -> list[tuple[float | None, float | None, int]]:
        """Of the newest profiles, as many as hold a window of events."""
        found: list[tuple[float | None, float | None, int]] = []
        events = 0
        for profile in reversed(self._recent):
            if events >= self._pipeline.health_window:
                break
            events += profile.events
            found.append((profile.latency_p50_ms, profile.latency_p99_ms, profile.events))
        return found

    def _label_health(self) -> LabelHealth:
        known, expired = self._counts["known"], self._counts["expired"]
        delays = self._groups.delays
        return LabelHealth(
            known=known,
            corrected=self._counts["corrected"],
            expired=expired,
            coverage=known / (known + expired) if known + expired else None,
            delay_p50_s=quantile(delays, 0.5),
            delay_p90_s=quantile(delays, 0.9),
            late=self._counts["late"],
            waiting=max(0, self._cohorts.events - self._counts["settled"]) if self._cohorts.events else None,
            unavailable=self._counts["unavailable"],
            withdrawn=self._counts["withdrawn"],
        )

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        self._compute()
        state = {name: value for name, value in vars(self).items() if name != "_pipeline"}
        return state | {"declared": _declared(self._pipeline)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave.

        A state of other objectives, groups or windows is of no use: the fold then starts at the log's beginning.
        """
        if state["declared"] == _declared(self._pipeline):
            vars(self).update({name: value for name, value in state.items() if name != "declared"})


def _declared(pipeline: Pipeline) -> str:
    """What a state of the fold depends on."""
    window = pipeline.health_window, pipeline.timeout, pipeline.remember, pipeline.partitions
    label = pipeline.problem, pipeline.label_type.__name__, pipeline.label.default
    return repr((*label, *window, pipeline.objectives, tuple(pipeline.groups)))
