"""Pipeline files: a user's Python file, loaded beside the project's own packages and checked."""

from __future__ import annotations

import builtins
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from models.contracts import Result, contracts
from models.definitions import definition
from models.mistakes import mistakes
from models.monitoring import Alerts, Drift, Objective, Sliding
from models.names import nearest
from models.pipeline import Field, Label, Pipeline
from models.policies import Promotion, Retention, Retraining, Search
from schemas.errors import PipelineError

#: The packages that a user's file of the same name cannot stand in for.
PACKAGES = ("agents", "headrace", "models", "schemas", "streams")

_DECLARATIONS: dict[str, type] = {
    kind.__name__: kind
    for kind in (Alerts, Pipeline, Field, Label, Objective, Drift, Promotion, Retention, Retraining, Search, Sliding)
}
_UNEXPECTED = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"(\w+)\.__init__\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.*)")


@dataclass(frozen=True, slots=True)
class Report:
    """What is known about a pipeline file.

    Parameters
    ----------
    where
        The file.
    pipeline
        What it declares; absent if it could not be loaded.
    mistakes
        What is wrong with the declaration, one sentence each.
    checks
        The outcomes of the contract checks; none where there are mistakes, for they would only follow from
        them.
    """

    where: str
    pipeline: Pipeline | None
    mistakes: tuple[str, ...]
    checks: tuple[Result, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the pipeline can be run."""
        return not self.mistakes and all(check.passed for check in self.checks)


def load_pipeline(path: str | Path) -> Pipeline:
    """The pipeline that a Python file declares.

    The file's folder goes to the end of the module search path, so that the file may import what lies beside
    it, and nothing beside it shadows an installed package. The file becomes the module
    ``pipeline_file_<stem>``: functions that models hold are found again under this name when a checkpoint is
    loaded.

    Raises
    ------
    PipelineError
        With every mistake: the file cannot be read or run, declares no pipeline or several, or the
        declaration is wrong.
    """
    pipeline = _declared(Path(path))
    found = mistakes(pipeline)
    if found:
        raise PipelineError(str(path), found)
    return pipeline


def check_pipeline(path: str | Path) -> Report:
    """Everything that can be known about a pipeline file without a broker."""
    where = str(path)
    try:
        pipeline = _declared(Path(path))
        found = mistakes(pipeline)
        if found:
            return Report(where, pipeline, tuple(found))
        again = _declared_again(Path(path))
    except PipelineError as error:
        return Report(where, None, error.mistakes)
    checks = (*_declaration_results(pipeline, again), *contracts(pipeline, again))
    return Report(where, pipeline, (), checks)


def _declaration_results(pipeline: Pipeline, again: Pipeline) -> list[Result]:
    """Whether every model is declared alike each time the file is run."""
    results = []
    for name, model in pipeline.estimators.items():
        alike = name in again.estimators and definition(again.estimators[name]) == definition(model)
        problem = "running the file twice declares two different models; give it constant parameters"
        results.append(Result(f"{name}:is-declared-alike", None if alike else problem))
    return results


def module_name(path: Path) -> str:
    """The name under which a pipeline file is known to pickles: the same wherever the file lies."""
    return "pipeline_file_" + re.sub(r"\W", "_", path.stem)


def _declared(path: Path) -> Pipeline:
    return _only_pipeline(path, _run(path))


def _declared_again(path: Path) -> Pipeline:
    """The declaration of a second run; the module of the first stays the one that pickles refer to."""
    name = module_name(path)
    first = sys.modules[name]
    try:
        return _declared(path)
    finally:
        sys.modules[name] = first


def _run(path: Path) -> ModuleType:
    """Run the file as a module."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PipelineError(str(path), [f"the file cannot be read: {error.strerror}"]) from None
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        raise PipelineError(str(path), [f"{line}this is no Python: {text}"]) from None
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    module = ModuleType(module_name(path))
    module.__file__ = str(path)
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        if before is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = before
        raise PipelineError(str(path), [_explained(path, error)]) from None
    return module


def _only_pipeline(path: Path, module: ModuleType) -> Pipeline:
    found = {id(value): (name, value) for name, value in vars(module).items() if isinstance(value, Pipeline)}
    if len(found) == 1:
        return next(iter(found.values()))[1]
    if not found:
        problem = "it declares no pipeline; assign one at the top level: flights = Pipeline(name='flights', ...)"
    else:
        names = ", ".join(name for name, _ in found.values())
        problem = f"it declares {len(found)} pipelines ({names}); give each a file of its own"
    raise PipelineError(str(path), [problem])


def _explained(path: Path, error: BaseException) -> str:
    """What a file raised, with the line and, where it is known, the way out."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = f"line {lines[-1]}: " if lines else ""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return line + (_argument_problem(str(error)) or _clash(path, error) or text + _name_hint(error))


def _argument_problem(text: str) -> str | None:
    """What is wrong with the arguments of a declaration."""
    unexpected, missing = _UNEXPECTED.search(text), _MISSING.search(text)
    if unexpected and unexpected[1] in _DECLARATIONS:
        accepted = list(_DECLARATIONS[unexpected[1]].__dataclass_fields__)  # type: ignore[attr-defined]
        return (
            f"{unexpected[1]} has no argument {unexpected[2]!r}; accepted are {', '.join(accepted)}"
            f"{nearest(unexpected[2], accepted)}"
        )
    if missing and missing[1] in _DECLARATIONS:
        return f"{missing[1]}(...) lacks {missing[2]}"
    return None


def _clash(path: Path, error: BaseException) -> str | None:
    """Whether an import found a package of this project in place of the file beside."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        name = error.obj.__name__
    elif isinstance(error, ImportError) and error.name is not None:
        name = error.name
    else:
        return None
    package = name.partition(".")[0]
    beside = path.resolve().parent / package
    if package not in PACKAGES or not (beside.is_dir() or beside.with_suffix(".py").is_file()):
        return None
    found = beside if beside.is_dir() else beside.with_suffix(".py")
    return (
        f"`{package}` is a package of Headrace, so {found.name} beside this file cannot be imported; "
        f"rename it, to {path.stem}_{found.name} for example"
    )


def _name_hint(error: BaseException) -> str:
    """The nearest name to one that the file does not know."""
    if isinstance(error, NameError):
        return nearest(error.name, [*dir(builtins), *_DECLARATIONS])
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return nearest(error.name, dir(error.obj))
    return ""
