"""A pipeline file is loaded as it is meant, or answered with everything that is wrong with it."""

from __future__ import annotations

import pickle
import sys
import textwrap
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from headrace.files import Report, check_pipeline, load_pipeline
from schemas.errors import PipelineError

GOOD = """
from headrace import Field, Label, Pipeline
from river import compose, linear_model, preprocessing

def halves(features):
    return {name: value / 2 for name, value in features.items()}

flights = Pipeline(
    name="flights",
    problem="binary",
    fields=[Field("distance", float, minimum=0), Field("wind", optional=True)],
    id="flight_id",
    label=Label(timeout="36h"),
    models={
        "logistic": compose.FuncTransformer(halves)
        | preprocessing.StandardScaler()
        | linear_model.LogisticRegression()
    },
    champion="logistic",
)
"""

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def imports_left_as_they_were() -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith(("pipeline_file_", "beside_"))]:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str = "flights.py") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return written


def mistakes_in(path: Path) -> tuple[str, ...]:
    with pytest.raises(PipelineError) as found:
        load_pipeline(path)
    assert found.value.where == str(path)
    assert str(path) in str(found.value)
    assert check_pipeline(path).mistakes == found.value.mistakes
    return found.value.mistakes


def failed(report: Report) -> dict[str, str | None]:
    return {check.name: check.problem for check in report.checks if not check.passed}


def test_a_good_file_gives_its_pipeline(write: Write) -> None:
    assert load_pipeline(write(GOOD)).name == "flights"


def test_a_good_file_passes_every_check(write: Write) -> None:
    report = check_pipeline(write(GOOD))
    assert report.passed
    assert len(report.checks) > 10


def test_the_demo_s_file_passes_every_check() -> None:
    report = check_pipeline(Path(__file__).parents[2] / "headrace" / "demo" / "pipeline.py")
    assert (report.mistakes, failed(report)) == ((), {})


def test_a_model_that_holds_a_function_of_the_file_survives_pickling(write: Write) -> None:
    model = load_pipeline(write(GOOD)).models["logistic"]
    check_pipeline(write(GOOD, "again.py"))
    restored = pickle.loads(pickle.dumps(deepcopy(model)))
    assert restored.predict_proba_one({"distance": 1.0}) == model.predict_proba_one({"distance": 1.0})


def test_checking_a_file_leaves_the_pipeline_it_returns_fit_for_pickling(write: Write) -> None:
    report = check_pipeline(write(GOOD))
    assert report.pipeline is not None
    assert pickle.dumps(report.pipeline.models["logistic"])


def test_every_mistake_is_told_at_once(write: Write) -> None:
    text = GOOD.replace('name="flights"', 'name="Flights"').replace('timeout="36h"', "")
    text = text.replace('champion="logistic"', 'champion="logstic"').replace("minimum=0", "minimum=0, maximum=-1")
    found = mistakes_in(write(text))
    assert [mistake.partition(":")[0] for mistake in found] == [
        "name",
        "fields[0] 'distance'",
        "label",
        "champion",
    ]
    assert found[-1] == "champion: 'logstic' is not one of 'logistic'; did you mean 'logistic'?"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = (1,\n", "line 1: this is no Python: '(' was never closed"),
        ("\nx = 1 +\n", "line 2: this is no Python: invalid syntax"),
        ("x = '\0'", "this is no Python: source code string cannot contain null bytes"),
        (
            "x = 1",
            "it declares no pipeline; assign one at the top level: flights = Pipeline(name='flights', ...)",
        ),
        ("\nimport nowhere_at_all", "line 2: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("\n\nraise SystemExit(3)", "line 3: SystemExit: 3"),
        ("def f():\n    return 1 / 0\nf()", "line 2: ZeroDivisionError: division by zero"),
        (
            "from headrace import Pipeline\nPipelin(name='x')",
            "line 2: NameError: name 'Pipelin' is not defined; did you mean 'Pipeline'?",
        ),
        (
            "from river import tree\ntree.HoeffdingTreClassifier()",
            "line 2: AttributeError: module 'river.tree' has no attribute 'HoeffdingTreClassifier'; "
            "did you mean 'HoeffdingTreeClassifier'?",
        ),
        (
            "from headrace import Label\nLabel(\n    timout='36h')",
            "line 2: Label has no argument 'timout'; accepted are timeout, type, remember, default; did you mean 'timeout'?",
        ),
        (
            "from headrace import Pipeline\nflights = Pipeline(name='flights')",
            "line 2: Pipeline(...) lacks 'problem', 'fields', 'label', 'models', and 'champion'",
        ),
    ],
)
def test_a_file_that_cannot_be_run_is_answered_with_the_line_and_no_traceback(
    write: Write, text: str, sentence: str
) -> None:
    (mistake,) = mistakes_in(write(text))
    assert mistake.startswith(sentence)


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path / "flights.py") == ("the file cannot be read: No such file or directory",)


def test_two_pipelines_in_one_file_are_refused_by_name(write: Write) -> None:
    (mistake,) = mistakes_in(write(GOOD + "\nimport dataclasses\nothers = dataclasses.replace(flights)\n"))
    assert mistake == "it declares 2 pipelines (flights, others); give each a file of its own"


def test_one_pipeline_under_two_names_is_one(write: Write) -> None:
    assert load_pipeline(write(GOOD + "\nthe_same = flights\n")).name == "flights"


def test_the_file_may_import_what_lies_beside_it_and_its_folder_comes_last(write: Write) -> None:
    write("TIMEOUT = '12h'\n", "beside_the_flights.py")
    path = write(GOOD.replace('"36h"', "TIMEOUT") + "")
    path.write_text("from beside_the_flights import TIMEOUT\n" + path.read_text())
    assert load_pipeline(path).timeout.total_seconds() == 12 * 3600
    assert sys.path[-1] == str(path.parent)


@pytest.mark.parametrize("name", ["models.py", "streams.py", "river.py", "json.py", "headrace.py"])
def test_a_file_beside_it_shadows_nothing(write: Write, name: str) -> None:
    write("raise RuntimeError('the wrong one')", name)
    assert load_pipeline(write(GOOD)).name == "flights"
    import models.pipeline

    assert Path(models.pipeline.__file__).parents[1] == Path(__file__).parents[2]


@pytest.mark.parametrize(
    "text", ["from models import logistic", "import models.logistic", "import models\nmodels.logistic()"]
)
def test_a_file_beside_it_that_cannot_be_imported_is_told_with_a_way_out(write: Write, text: str) -> None:
    write("logistic = None", "models.py")
    (mistake,) = mistakes_in(write(text))
    assert mistake.endswith(
        "`models` is a package of Headrace, so models.py beside this file cannot be imported; "
        "rename it, to flights_models.py for example"
    )


def test_a_file_that_failed_leaves_no_module_behind(write: Write) -> None:
    mistakes_in(write("raise ValueError('no')"))
    assert "pipeline_file_flights" not in sys.modules


def test_a_model_declared_otherwise_each_time_is_found(write: Write) -> None:
    text = GOOD.replace("LogisticRegression()", "LogisticRegression(l2=random.random())")
    report = check_pipeline(write("import random\n" + text))
    assert not report.passed
    assert set(failed(report)) == {"logistic:is-declared-alike", "logistic:replays-bit-for-bit"}


def test_a_lambda_in_a_model_is_found_with_a_way_out(write: Write) -> None:
    text = GOOD.replace("FuncTransformer(halves)", "FuncTransformer(lambda features: features)")
    problems: dict[str, Any] = failed(check_pipeline(write(text)))
    assert set(problems) == {"logistic:survives-a-checkpoint"}
    assert "in place of lambdas" in problems["logistic:survives-a-checkpoint"]
