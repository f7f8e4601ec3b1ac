"""What the versions of this pipeline are made of here: code, libraries, interpreter."""

from __future__ import annotations

import functools
import hashlib
import platform
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import structs

from models.parameters import seed_of
from models.pipeline import Pipeline
from schemas.examples import Control
from schemas.lineage import Lineage

#: What computes a state.
LIBRARIES = ("headrace", "river", "numpy")


class Lineages:
    """Tells of the models that this worker adds what they are made of.

    The files are read once, when it begins: what is changed in them afterwards is not what runs.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._code = code_of(pipeline)
        self._libraries = {name: found for name in LIBRARIES if (found := _version(name))}

    def of(self, control: Control) -> Control:
        """The same record with its lineage, if it adds a model."""
        if control.action != "added":
            return control
        model = self._pipeline.estimators.get(control.model)
        lineage = Lineage(
            parent=control.trained.parent if control.trained is not None else None,
            code=self._code,
            libraries=self._libraries,
            python=platform.python_version(),
            seed=0 if model is None else seed_of(model),
        )
        return structs.replace(control, lineage=lineage)


def code_of(pipeline: Pipeline) -> str:
    """SHA-256 over the pipeline file and the files that its functions and classes come from.

    What is installed is left out, and so is what these files import. Empty if nothing is left.
    """
    modules = {name: module for name, module in sys.modules.items() if _declares(module, pipeline)}
    for part in (*pipeline.prepare, *pipeline.estimators.values()):
        for name in _modules_of(part):
            if name in sys.modules:
                modules[name] = sys.modules[name]
    files = {Path(file) for module in modules.values() if (file := getattr(module, "__file__", None))}
    contents = sorted(path.read_bytes() for path in files if not _installed(path) and path.is_file())
    if not contents:
        return ""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:32]


def _declares(module: ModuleType, pipeline: Pipeline) -> bool:
    return any(value is pipeline for value in list(getattr(module, "__dict__", {}).values()))


def _modules_of(part: Any) -> Iterator[str]:
    """The modules of all functions and classes that something is made of."""
    if isinstance(part, Mapping):
        for item in part.values():
            yield from _modules_of(item)
    elif isinstance(part, (list, tuple)):
        for item in part:
            yield from _modules_of(item)
    elif isinstance(part, functools.partial):
        yield from _modules_of(part.func)
    else:
        module = getattr(part if callable(part) and hasattr(part, "__qualname__") else type(part), "__module__", None)
        if isinstance(module, str):
            yield module
        parameters = getattr(part, "_get_params", None)
        if callable(parameters) and not isinstance(part, type):
            yield from _modules_of(parameters())


def _installed(path: Path) -> bool:
    folders = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    return any(path.resolve().is_relative_to(Path(folder).resolve()) for folder in folders)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
