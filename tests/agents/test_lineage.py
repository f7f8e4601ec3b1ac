"""Every version that is added says what it was made of, so that it can be made again."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of
from pathlib import Path

import pytest

from agents.lineage import Lineages, code_of
from headrace.files import load_pipeline
from models.pipeline import Pipeline
from schemas.examples import Control, Trained

FILE = """
from river import tree
from headrace import Field, Label, Pipeline
{more}

flights = Pipeline(
    name="flights",
    problem="binary",
    fields=[Field("distance", float)],
    label=Label(timeout="36h"),
    models={{"tree": tree.HoeffdingAdaptiveTreeClassifier(seed=7)}},
    champion="tree",
    prepare=[{prepare}],
)
"""


def declared(folder: Path, more: str = "", prepare: str = "", name: str = "lineage") -> Pipeline:
    path = folder / f"{name}.py"
    path.write_text(FILE.format(more=more, prepare=prepare))
    return load_pipeline(path)


def test_a_version_says_with_what_it_is_computed(tmp_path: Path) -> None:
    lineages = Lineages(declared(tmp_path))
    added = lineages.of(Control(action="added", model="tree", version=1, reason="as declared"))
    assert added.lineage is not None
    assert added.lineage.libraries["river"] == version_of("river")
    assert set(added.lineage.libraries) == {"headrace", "river", "numpy"}
    assert (added.lineage.python, added.lineage.seed, added.lineage.parent) == (platform.python_version(), 7, None)
    promoted = Control(action="promoted", model="tree", version=1, reason="better")
    assert lineages.of(promoted) == promoted


def test_a_copy_says_of_whom(tmp_path: Path) -> None:
    trained = Trained(retrain="r", method="warm", first=5, end=5, examples=0, parent="tree@1")
    added = Control(action="added", model="tree", version=2, reason="warm", trained=trained)
    lineage = Lineages(declared(tmp_path)).of(added).lineage
    assert lineage is not None
    assert lineage.parent == "tree@1"


def test_the_code_is_that_of_the_pipeline_file(tmp_path: Path) -> None:
    code = code_of(declared(tmp_path))
    assert len(code) == 32
    assert code_of(declared(tmp_path)) == code
    assert code_of(declared(tmp_path, more="THRESHOLD = 2")) != code


def test_what_functions_come_from_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    codes = []
    for version, name in enumerate(("steps_one", "steps_two")):
        (tmp_path / f"{name}.py").write_text(
            f"def near(event):\n    return {{'near': event['distance'] < {version}}}\n"
        )
        codes.append(code_of(declared(tmp_path, "import importlib\n", f"importlib.import_module('{name}').near")))
    assert codes[0] != codes[1]
    (tmp_path / "steps_two.py").write_text("# changed since\n")
    assert code_of(declared(tmp_path, "import importlib\n", "importlib.import_module('steps_two').near")) != codes[1]


def test_what_is_installed_is_named_by_its_version_and_not_hashed(tmp_path: Path) -> None:
    pipeline = declared(tmp_path)
    without_file = Pipeline(**{name: getattr(pipeline, name) for name in Pipeline.__dataclass_fields__})
    assert code_of(without_file) == ""
