"""Will this order be paid? A pipeline to start from: change the names to yours, then `headrace check` it."""

from __future__ import annotations

from typing import Any

from river import compose, linear_model, preprocessing, tree

from headrace import Field, Label, Objective, Pipeline


def features(event: dict[str, Any]) -> dict[str, Any]:
    """Make features of an event; a pure function: no clock, no files, no randomness, the event unchanged."""
    return {
        "amount": event["amount"],
        "items": float(event["items"]),
        "country": event["country"],
        # An optional field is None when it is absent; here that becomes a fact of its own.
        "customer_days": event["customer_days"] or 0.0,
        "customer_known": float(event["customer_days"] is not None),
    }


orders = Pipeline(
    # Its topics are called orders.events, orders.predictions, orders.feedback, ...
    name="orders",
    # "binary", "multiclass" or "regression".
    problem="binary",
    # What is read from each event. What does not fit is rejected with the reason, never guessed.
    fields=[
        Field("amount", float, minimum=0),
        Field("items", int, minimum=1, maximum=1000),
        Field("country", str, category=True),
        Field("customer_days", float, optional=True, minimum=0),
    ],
    # The field that names an event: its label must name the same. It is the Kafka key, too, unless key= is
    # given.
    id="order_id",
    # The field with the event time: RFC 3339 text, or seconds since 1970.
    time="ordered_at",
    # How long after the event its label is waited for.
    label=Label(timeout="14d"),
    prepare=[features],
    # Any River models, not trained yet. All of them predict and learn every event, each from what it was
    # given.
    models={
        "logistic": (
            (compose.Discard("country") | preprocessing.StandardScaler())
            + (compose.Select("country") | preprocessing.OneHotEncoder())
        )
        | linear_model.LogisticRegression(),
        "tree": tree.HoeffdingTreeClassifier(grace_period=200),
    },
    # Whose answer is served at the start.
    champion="logistic",
    # What the champion is there for: to beat, in this metric and by so much, who knows only how often it is
    # true.
    objective=Objective("LogLoss", better_than="prior", by=0.01),
    # The most workers that can share the work. It can't be changed later without new topics.
    partitions=4,
)
