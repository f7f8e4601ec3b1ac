"""A search ends in the fold of one candidate: the best by prequential loss, as if it had been trained alone."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from river import base, linear_model, metrics, model_selection, naive_bayes, preprocessing, tree

from models.changes import changes
from models.contracts import contracts
from models.definitions import definition
from models.halving import Halving, rungs_of
from models.learning import Learning, fresh_from
from models.mistakes import mistakes
from models.pipeline import Field, Label, Pipeline, Problem
from models.policies import Retraining, Search
from models.search import Alternative, alternatives, built
from models.training import Training, Unfit
from schemas.codec import encode
from schemas.examples import Control, Trained
from tests.models.stories import Story, data, every_problem, pipeline_for, story_of

COUNT = 1000

LOGISTIC = preprocessing.StandardScaler() | linear_model.LogisticRegression()

RATES = {"LogisticRegression.optimizer.lr": [0.0001, 0.05]}


class Broken(base.Classifier):
    """Answers NaN once it has learnt so many examples."""

    def __init__(self, after: int = 100) -> None:
        self.after = after
        self.learnt = 0

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.learnt += 1

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        return {True: math.nan if self.learnt > self.after else 0.5}


def searched(problem: Problem = "binary", **search: Any) -> Story:
    """A log, and a pipeline that declares a search over it."""
    return story_of(problem, COUNT, retraining=Retraining(search=Search(**search)))


def halving(story: Story, first: int = 0, **changes: Any) -> Halving:
    pipeline = story.pipeline
    assert pipeline.retraining is not None
    search = pipeline.retraining.search
    assert search is not None
    found = alternatives(search, pipeline.champion, pipeline.estimators)
    return Halving(pipeline, pipeline.estimators, found, search, first, story.log[-1][0] + 1, **changes)


def values(story: Story) -> list[tuple[int, bytes]]:
    return [(offset, encode(record)) for offset, record in story.log]


def others(problem: Problem) -> dict[str, Any]:
    """Algorithms that are not active."""
    if problem == "regression":
        return {"slow": preprocessing.StandardScaler() | linear_model.LinearRegression(intercept_lr=0.001)}
    return {"other": tree.HoeffdingTreeClassifier(grace_period=50)}


@every_problem
def test_winner_is_what_it_would_be_if_it_had_been_trained_alone(problem: Problem) -> None:
    story = searched(problem, models=others(problem), features=[list(data(problem, 1)[0][0])[:2]])
    search = halving(story)
    for start in range(0, len(values(story)), 97):
        search.learn(values(story)[start : start + 97])
    alternative, found = search.result()
    fresh = built(story.pipeline.estimators[alternative.model], alternative.parameters, alternative.features)
    alone = Training(story.pipeline, fresh, 0, story.log[-1][0] + 1)
    alone.learn(values(story))
    assert found.digest == alone.digest()
    assert found.examples == alone.examples == COUNT
    assert [len(rung.losses) for rung in search.rungs] == [4, 2]
    assert search.rungs[-1].kept == [alternative.name]


@every_problem
@pytest.mark.parametrize("middle", [0, 150, 700, COUNT])
def test_search_resumed_from_a_checkpoint_comes_to_the_same(problem: Problem, middle: int) -> None:
    story = searched(problem, models=others(problem))
    whole, first, second = halving(story), halving(story), halving(story)
    whole.learn(values(story))
    first.learn(values(story)[:middle])
    second.restore(pickle.loads(pickle.dumps(first.state())))
    # What it knows already comes again.
    second.learn(values(story))
    assert second.rungs == whole.rungs
    assert [second.result()[0], second.result()[1].digest] == [whole.result()[0], whole.result()[1].digest]


def test_as_many_stay_and_the_same_win_as_with_river() -> None:
    grid = {"LogisticRegression.optimizer.lr": [0.0001, 0.001, 0.003, 0.005], "LogisticRegression.l2": [0.1]}
    search = Search(alternatives={"logistic": grid}, eta=2, budget=10)
    pipeline = pipeline_for("binary", models={"logistic": LOGISTIC}, retraining=Retraining(search=search))
    found = alternatives(search, "logistic", pipeline.estimators)
    story = story_of("binary", COUNT)
    ours = Halving(pipeline, pipeline.estimators, found, search, 0, story.log[-1][0] + 1)
    ours.learn(values(story))
    # River wants its budget in updates. Probabilities beyond 0.02 .. 0.98, which count otherwise here, are not reached.
    counts, examples = [len(rung.losses) for rung in ours.rungs], ours.rungs[0].examples
    river = model_selection.SuccessiveHalvingClassifier(
        [built(LOGISTIC, one.parameters, one.features) for one in found],
        metric=metrics.LogLoss(),
        budget=examples * len(found) * math.ceil(math.log(len(found), 2)),
        eta=2,
    )
    stages = []
    for features, label in data("binary", COUNT):
        river.predict_proba_one(features)
        river.learn_one(features, label)
        stages.append(river._s)
    assert counts == list(dict.fromkeys([len(found), *stages]))[:-1] == [10, 5, 3, 2]
    assert ours.result()[0] == found[river._rankings[0]]


@pytest.mark.parametrize("candidates", [2, 3, 9, 10, 64])
@pytest.mark.parametrize("budget", [1.5, 4.0, 100.0])
def test_all_rungs_cost_the_same_and_all_together_no_more_than_the_budget(candidates: int, budget: float) -> None:
    rungs = rungs_of(candidates, Search(budget=budget))
    starts = [0.0, *(end for _, end in rungs)]
    costs = [count * (end - start) for (count, end), start in zip(rungs, starts, strict=False)]
    assert costs == pytest.approx([costs[0]] * len(costs))
    assert sum(costs) + 1 - rungs[-1][1] <= budget + 1e-9
    assert rungs[-1][1] <= 0.8 + 1e-9


def test_what_is_declared_is_the_first_candidate_and_a_declared_value_is_not_tried_twice() -> None:
    grid = {"LogisticRegression.l2": [0, 0.1], "LogisticRegression.optimizer.lr": [0.05]}
    search = Search(
        alternatives={"logistic": grid}, models={"other": tree.HoeffdingTreeClassifier()}, features=[["size"]]
    )
    names = [one.name for one in alternatives(search, "logistic", {"logistic": LOGISTIC, **search.models})]
    assert names[:2] == ["logistic", "logistic[size]"]
    assert "logistic(LogisticRegression.l2=0.1, LogisticRegression.optimizer.lr=0.05)[size]" in names
    assert names[-2:] == ["other", "other[size]"]
    assert len(names) == len(set(names)) == 4 * 2 + 2


def test_subset_of_features_is_all_that_a_model_sees_in_the_same_order_everywhere() -> None:
    model = built(LOGISTIC, {"LogisticRegression.l2": 0.1}, ["b", "a"])
    model.learn_one({"a": 1.0, "b": 2.0, "c": 3.0}, True)
    model.learn_one({"a": 1.5}, False)
    assert list(model["StandardScaler"].means) == ["b", "a"]
    assert model["LogisticRegression"].l2 == 0.1


def test_candidate_that_fails_is_left_behind_with_a_reason_and_the_others_go_on() -> None:
    story = searched(models={"broken": Broken()}, alternatives={"logistic": RATES})
    search = halving(story)
    search.learn(values(story))
    alternative, _ = search.result()
    assert alternative.model == "logistic"
    assert list(search.rungs[0].failed) == ["broken"]
    assert "nan, which is no probability" in search.rungs[0].failed["broken"]


def test_without_any_candidate_that_works_there_is_no_winner() -> None:
    story = searched(models={"broken": Broken()})
    pipeline = story.pipeline
    found = [Alternative(model="broken", features=subset) for subset in ([], ["size"])]
    search = Halving(pipeline, pipeline.estimators, found, Search(), 0, story.log[-1][0] + 1)
    with pytest.raises(Unfit, match=r"no candidate is left: broken: .*nan.*broken\[size\]"):
        search.learn(values(story))


def test_too_few_labels_to_compare_on_give_no_winner() -> None:
    story = searched(alternatives={"logistic": RATES})
    search = halving(story, first=story.log[-30][0])
    search.learn(values(story)[-30:])
    with pytest.raises(Unfit, match="30 labels to compare 3 candidates on: too few"):
        search.result()


def test_algorithm_that_a_search_has_found_stays_and_leads_as_long_as_it_is_declared() -> None:
    story = searched(models=others("binary"))
    pipeline = story.pipeline
    learning = Learning(pipeline, fresh_from(pipeline))
    for offset, record in story.log:
        learning.fold(offset, record)
    digest = definition(pipeline.estimators["other"])
    trained = Trained(retrain="one", method="fresh", first=0, end=0, examples=0)
    for action, more in (("added", {"trained": trained}), ("promoted", {})):
        control = Control(action=action, model="other", version=1, definition=digest, reason="found", **more)  # type: ignore[arg-type]
        learning.fold(learning.position, control)
    assert learning.champion is not None
    assert learning.champion.state == "other@1"
    assert changes(pipeline, learning) == []
    gone = changes(pipeline_for("binary"), learning)
    assert [(one.action, one.model) for one in gone] == [("promoted", "logistic"), ("removed", "other")]


def declared(**search: Any) -> Pipeline:
    return pipeline_for("binary", retraining=Retraining(search=Search(**search)))


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ({"alternatives": {"logstic": RATES}}, "did you mean 'logistic'"),
        ({"alternatives": {"logistic": {"l2": [1]}}}, "'l2' is no parameter; there are"),
        ({"alternatives": {"logistic": {"LogisticRegression.l2": 0.1}}}, "no list of values"),
        ({"alternatives": {"logistic": {"LogisticRegression.l2": [None]}}}, "only numbers"),
        ({"alternatives": {"logistic": [1]}}, "no dict of parameters"),
        ({"models": {"tree": tree.HoeffdingTreeClassifier()}}, "declares a model of this name"),
        ({"models": {"prior": tree.HoeffdingTreeClassifier()}}, "that of a baseline"),
        ({"models": {"forest": tree.HoeffdingAdaptiveTreeClassifier()}}, "has no seed"),
        ({"models": {"linear": linear_model.LinearRegression()}}, "is a regressor"),
        ({"models": 3}, "no dict of names"),
        ({"features": ["size"]}, "'size' is no list of names"),
        ({"features": [["size", "size"]]}, "names one twice"),
        ({"alternatives": {"logistic": RATES}, "eta": 1}, "eta 1 is no whole number of 2 or more"),
        ({"alternatives": {"logistic": RATES}, "budget": 1}, "budget 1 is no number above 1"),
        ({}, "there is no alternative to 'logistic'"),
        ({"alternatives": {"logistic": {"LogisticRegression.l2": [n / 100 for n in range(1, 90)]}}}, "90 candidates"),
    ],
)
def test_mistake_in_a_search_is_told_with_a_way_out(search: dict[str, Any], told: str) -> None:
    found = mistakes(declared(**search))
    assert found
    assert all(one.startswith("retraining: search") for one in found)
    assert told in found[0]


def test_check_tries_every_alternative_on_what_the_preparation_makes() -> None:
    search = Search(
        alternatives={"logistic": {"LogisticRegression.optimizer.lr": [1.0]}},
        models={"bayes": naive_bayes.GaussianNB()},
        features=[["sizes"]],
    )
    pipeline = Pipeline(
        name="checked",
        problem="binary",
        fields=[Field("size")],
        label=Label(timeout="1h"),
        models={"logistic": LOGISTIC},
        champion="logistic",
        retraining=Retraining(search=search),
    )
    results = {result.name: result for result in contracts(pipeline)}
    assert results["bayes:replays-bit-for-bit"].passed
    assert results["logistic(LogisticRegression.optimizer.lr=1.0):learns"].passed
    wrong = results["search:has-feature-sizes"].problem
    assert wrong is not None
    assert "did you mean 'size'" in wrong
