"""The frame around the code: what is installed, what the folders hold, what the documents and CI say."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import headrace
from docs import generate
from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("schemas", "streams", "models", "agents", "headrace")
BESIDE = {"bench", "deploy", "docs", "examples", "tests"}
# What bench/ compares with, in an environment of its own.
PEERS = {"bytewax", "quixstreams"}
# Made by tools, and in .gitignore.
MADE = {"__pycache__", "build", "dist"}

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OWNERS = metadata.packages_distributions()
CORE = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
DEMO = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["demo"]]
ALERTS = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["alerts"]]
TRACING = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["tracing"]]
TOOLS = [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]


def sources(*folders: str) -> list[Path]:
    """All Python files of these folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def locked(file: str) -> dict[str, str]:
    """The version that a lock pins of each distribution."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name.partition(".")[0] for alias in aliases}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.partition(".")[0])
    return names - sys.stdlib_module_names - set(PRODUCT)


def distributions(names: set[str]) -> set[str]:
    """The distributions that these top-level names come from."""
    return {canonicalize_name(owner) for name in names for owner in OWNERS.get(name, [name])}


def test_the_version_is_said_once() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert metadata.version("headrace") == headrace.__version__


@pytest.mark.parametrize(
    "requirement", [*CORE, *DEMO, *ALERTS, *TRACING, *TOOLS], ids=lambda requirement: requirement.name
)
def test_every_dependency_has_a_lower_bound_and_is_locked_above_it(requirement: Requirement) -> None:
    assert any(specifier.operator == ">=" for specifier in requirement.specifier)
    version = locked("requirements-dev.lock")[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_what_is_imported_is_declared() -> None:
    demo = {path for path in sources("headrace") if "demo" in path.parts}
    core = set(sources(*PRODUCT)) - demo
    names = {canonicalize_name(requirement.name) for requirement in CORE}
    more = {canonicalize_name(requirement.name) for requirement in DEMO}

    # mode is Faust's own frame, and Faust shows it: a bound of its own could only disagree.
    # OpenTelemetry is an extra, and a name that many distributions share; one file knows it, loaded where it is wanted.
    undeclared = {
        (str(path.relative_to(ROOT)), name)
        for path in core | demo
        for name in distributions(imported(path) - ({"mode", "opentelemetry"} if path.stem == "spans" else {"mode"}))
        - names
        - (more if path in demo else set())
    }

    assert not undeclared


def test_what_stands_beside_the_product_uses_what_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in [*CORE, *DEMO, *TOOLS]}
    names = set().union(*(imported(path) for path in sources("bench", "docs", "tests")))

    undeclared = distributions(names - BESIDE - {"conftest", "mode"}) - declared - PEERS

    assert not undeclared


@pytest.mark.parametrize("requirement", [*CORE, *DEMO, *ALERTS], ids=lambda requirement: requirement.name)
def test_what_is_declared_is_used(requirement: Requirement) -> None:
    # Some are found without an import, by the name of their package.
    name = requirement.name.replace("-", "_").removesuffix("_streaming")

    assert any(re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")) for path in sources(*PRODUCT))


def test_locks_agree() -> None:
    tools = locked("requirements-dev.lock")

    assert locked("requirements.lock").items() <= tools.items()
    assert locked("requirements-build.lock")


@pytest.mark.parametrize("file", ["requirements-build.lock", "requirements.lock", "requirements-dev.lock"])
def test_locks_pin_contents_and_name_no_place(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    pins = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]

    assert all("--hash=sha256:" in pin for pin in pins)
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host", text)


def test_folders_are_the_ones_of_the_layout() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    stray = {name for name in folders if not name.endswith(".egg-info")} - set(PRODUCT) - BESIDE - MADE

    assert not stray


@pytest.mark.parametrize("name", ["utils", "util", "common", "helpers", "misc"])
def test_every_module_has_an_owner(name: str) -> None:
    assert not [path for path in sources(*PRODUCT, "bench") if name in (path.stem, path.parent.name)]


def test_files_and_functions_are_small() -> None:
    long = []
    for path in sources(*PRODUCT, "bench", "docs"):
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 300:
            long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
                if lines > 60:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")

    assert not long


def test_tests_are_no_packages_and_have_names_of_their_own() -> None:
    tests = sources("tests")
    twice = [name for name, count in Counter(path.name for path in tests).items() if count > 1]

    assert not [path for path in tests if path.name == "__init__.py"]
    assert set(twice) <= {"conftest.py"}


def test_documents_say_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


def test_a_generated_part_that_was_edited_is_found() -> None:
    part = generate.PARTS[0]
    text = (ROOT / part.document).read_text(encoding="utf-8")

    assert generate.renew(text.replace("| `HEADRACE_BOOTSTRAP`", "| `KAFKA`"), part) == text


def test_a_part_without_its_place_is_refused() -> None:
    with pytest.raises(ValueError, match="generated: settings"):
        generate.renew("# Settings\n", generate.PARTS[0])


def test_computed_defaults_are_what_the_document_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_DATA", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    at_home = Settings().data
    monkeypatch.setenv("XDG_DATA_HOME", "/srv")

    assert {name for name, field in Settings.model_fields.items() if field.default_factory} == set(generate.COMPUTED)
    assert at_home == Path("/home/ada/.local/share/headrace")
    assert Settings().data == Path("/srv/headrace")


def test_every_variable_in_the_code_is_in_the_document() -> None:
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    named = {name for path in sources(*PRODUCT) for name in re.findall(r"HEADRACE_[A-Z_]*[A-Z]", path.read_text())}

    assert not {name for name in named if f"`{name}`" not in text}


@pytest.mark.parametrize(("check", "test", "code"), [("true", "true", 0), ("false", "true", 1), ("true", "false", 1)])
def test_ci_passes_only_when_both_parts_do(tmp_path: Path, check: str, test: str, code: int) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_bytes((ROOT / ".ci/run").read_bytes())
    (tmp_path / "Makefile").write_text(f"check:\n\techo checked; {check}\ntest:\n\techo tested; {test}\n")
    # A stand-in, so that nothing is installed for this test.
    (tmp_path / "kcat").write_text("#!/bin/sh\n")
    (tmp_path / "kcat").chmod(0o755)

    result = subprocess.run(
        ["bash", tmp_path / ".ci/run"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == code, result.stderr
    assert "checked" in result.stdout
    assert "tested" in result.stdout
