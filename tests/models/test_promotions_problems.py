"""The verdict on real models and data of every problem, folded as a leader does."""

from __future__ import annotations

from typing import Any

from river import dummy, stats

from models.policies import Promotion as Policy
from models.promotions import Verdicts
from schemas.examples import Control
from schemas.promotions import Promotion
from tests.models.stories import begin, data, every_problem, models_for, pipeline_for


def plain(problem: Any) -> Any:
    """A model that looks at no features."""
    return dummy.StatisticRegressor(stats.Mean()) if problem == "regression" else dummy.PriorClassifier()


@every_problem
def test_a_model_that_learns_is_put_in_charge_of_one_that_does_not(problem: Any) -> None:
    name, model = list(models_for(problem).items())[0 if problem == "regression" else -1]
    policy = Policy(examples_min=200, settle="0s")
    pipeline = pipeline_for(problem, models={"plain": plain(problem), name: model}, promotion=policy)
    story, verdicts = begin(pipeline), Verdicts(pipeline)
    said: list[Promotion | Control] = []
    known = data(problem, 900)
    folded = 0
    for features, label in [*known, *known[300:]]:
        for offset, record in story.log[folded:]:
            decided = verdicts.fold(offset, record)
            said += decided
            # The prediction of an example is made before what it decides is in the log.
            story.write(*(one for one in decided if isinstance(one, Control)))
        folded = verdicts.position // 2 + verdicts.position % 2
        story.live(features, label)
    promotions = [one for one in said if isinstance(one, Promotion)]
    assert [(one.verdict, one.challenger) for one in promotions[:1]] == [("promote", f"{name}@1")]
    assert promotions[0].evidence["lower"] > 0
    controls = [one for one in said if isinstance(one, Control)]
    assert (controls[0].action, controls[0].model) == ("promoted", name)
    assert controls[0] in [record for _, record in story.log]
