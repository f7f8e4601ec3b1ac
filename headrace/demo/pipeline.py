"""Will this flight land at least 15 minutes late? The demo's pipeline, and an example to start from.

Both models learn from labels that come hours later, a few of them never. The share of late flights among the
last that landed, by airport and by airline, they learn themselves (``TargetAgg``), so that it is part of what
a replay repeats.

Over the whole year, every flight predicted on schedule and learnt when it landed, the log loss was 0.557 for
the prior, 0.517 for the tree and 0.488 for the regression (probabilities clipped to 0.01 and 0.99). The tree is in
charge at first all the same, as it would be with somebody who did not know: to find out is what promotion is for.
"""

from __future__ import annotations

import math
from typing import Any

from river import compose, feature_extraction, linear_model, optim, preprocessing, stats, tree

from headrace import Drift, Field, Label, Objective, Pipeline, Promotion, Retraining

CATEGORIES = ("carrier", "origin", "dest")

# What gains the tree little and costs it a search for a split in every leaf.
NOT_FOR_THE_TREE = ("hour_cosine", "slack_minutes", "gust", "pressure", "temp")

_AS_MEASURED = ("humid", "pressure", "temp")
_DAY_MINUTES = 24 * 60
_CRUISE_MILES_PER_MINUTE = 7.5


def timetable(event: dict[str, Any]) -> dict[str, float]:
    """Make of the timetable the time of day as a point on a circle, and how generous the plan is."""
    angle = math.tau * (event["hour"] * 60 + event["minute"]) / _DAY_MINUTES
    numbers = {"hour_sine": math.sin(angle), "hour_cosine": math.cos(angle)}
    if (planned := event.get("scheduled_minutes")) is not None:
        # What the plan allows beyond the time in the air is for the ground, and for catching up.
        numbers["slack_minutes"] = planned - event["distance"] / _CRUISE_MILES_PER_MINUTE
    return numbers


def weather(event: dict[str, Any]) -> dict[str, float]:
    """Put the weather on scales on which the worst does not outweigh everything else."""
    numbers = {name: float(event[name]) for name in _AS_MEASURED if event.get(name) is not None}
    if (rain := event.get("precip")) is not None:
        numbers["rain"] = math.sqrt(min(rain, 0.5))
    if (visibility := event.get("visib")) is not None:
        # From 0 in clear air, where the stations stop counting at ten miles, to 2.4 in dense fog.
        numbers["haze"] = math.log(11 - min(visibility, 10.0))
    if (wind := event.get("wind_speed")) is not None:
        # A station reports gusts only where there are any.
        numbers["gust"] = float(event.get("wind_gust") or wind)
    return numbers


def features(event: dict[str, Any]) -> dict[str, Any]:
    """Make the features, every number a float; a gap stays a gap, which both models can do with."""
    return {name: event[name] for name in CATEGORIES} | timetable(event) | weather(event)


def share_late(by: str, weight: float) -> feature_extraction.TargetAgg:
    """Learn how many of the last ``1 / weight`` flights or so were late, for each value of a field."""
    return feature_extraction.TargetAgg(by=by, how=stats.EWMean(weight))


flights = Pipeline(
    name="flights",
    problem="binary",
    fields=[
        Field("carrier", str, category=True),
        Field("origin", str, category=True),
        Field("dest", str, category=True),
        Field("hour", int, minimum=0, maximum=23),
        Field("minute", int, minimum=0, maximum=59),
        Field("distance", float, minimum=0),
        Field("scheduled_minutes", float, optional=True, minimum=0),
        Field("temp", float, optional=True),
        Field("humid", float, optional=True, minimum=0, maximum=100),
        Field("wind_speed", float, optional=True, minimum=0),
        Field("wind_gust", float, optional=True, minimum=0),
        Field("precip", float, optional=True, minimum=0),
        Field("pressure", float, optional=True, minimum=800, maximum=1100),
        Field("visib", float, optional=True, minimum=0),
    ],
    id="flight_id",
    key="flight_id",
    time="scheduled_at",
    label=Label(timeout="36h"),
    prepare=[features],
    models={
        "logistic": (
            compose.Discard(*CATEGORIES)
            + share_late("origin", 0.02)
            + share_late("carrier", 0.01)
            + share_late("dest", 0.01)
        )
        | preprocessing.StandardScaler()
        | linear_model.LogisticRegression(optimizer=optim.SGD(0.001)),
        "tree": (
            compose.Discard(*CATEGORIES, *NOT_FOR_THE_TREE) + share_late("origin", 0.03) + share_late("carrier", 0.02)
        )
        # The share of late flights in a leaf: the naive Bayes of the default is far too sure of itself here.
        | tree.HoeffdingTreeClassifier(grace_period=2000, delta=1e-3, max_depth=4, leaf_prediction="mc"),
    },
    # Not the better one, so that there is something to decide.
    champion="tree",
    objective=Objective("LogLoss", better_than="prior", by=0.02),
    groups=["origin"],
    # The flights of a day share its weather: a day is one observation.
    drift=Drift(block="1d"),
    # Four times a year, and when what is late has another pattern: of each model a version that knows the last thirty
    # days alone.
    retraining=Retraining(
        crontab="0 6 1 2,5,8,11 *",
        drift=["concept", "mixed"],
        models=["logistic", "tree"],
        window="30d",
        challengers_max=12,
    ),
    # Either model may be the better one for some days that are alike: a promotion rests on a fortnight of flights, and
    # a bad day is no emergency.
    promotion=Promotion(examples_min=10_000, emergency_gap=0.02),
)
