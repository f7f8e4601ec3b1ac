"""Imports point one way, and what decides is pure: no clock, no chance, no network."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "streams", "models", "agents", "headrace")

# Time and chance come in as arguments: these give the same name another value at every call.
CLOCKS = {"now", "utcnow", "today"}
SEEDED = {"Random", "default_rng", "Generator", "PCG64", "SeedSequence", "RandomState"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml against the packages in a folder."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_import_keeps_the_contracts() -> None:
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("schemas/errors.py", "import streams.settings"),
        ("streams/topology.py", "import models"),
        ("models/pipeline.py", "import streams.settings"),
        ("streams/settings.py", "import agents"),
        ("agents/__init__.py", "import headrace"),
        ("streams/settings.py", "import numpy"),
        ("models/pipeline.py", "import confluent_kafka"),
        ("models/pipeline.py", "import time"),
        ("agents/__init__.py", "import bench"),
    ],
)
def test_an_import_the_other_way_is_found(tmp_path: Path, module: str, statement: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{statement}\n")

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 broken" in result.stdout


def impurities(source: str) -> list[str]:
    """Name what in a source asks the clock or a random generator without a seed, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                found.append(f"line {node.lineno}: .{name}()")
            case ast.Attribute(value=ast.Name(id="random"), attr=name) if name not in SEEDED:
                found.append(f"line {node.lineno}: random.{name}")
            case ast.Attribute(value=ast.Attribute(attr="random"), attr=name) if name not in SEEDED:
                found.append(f"line {node.lineno}: .random.{name}")
            case ast.ImportFrom(module="random", names=names):
                found += [f"line {node.lineno}: random.{n.name}" for n in names if n.name not in SEEDED]
            case ast.Call(func=ast.Attribute(attr="default_rng"), args=[], keywords=[]):
                found.append(f"line {node.lineno}: default_rng() without a seed")
    return found


@pytest.mark.parametrize("package", ["schemas", "models"])
def test_what_decides_asks_no_clock_and_no_chance(package: str) -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in sorted((ROOT / package).rglob("*.py"))
        if (lines := impurities(path.read_text(encoding="utf-8")))
    }

    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "datetime.now(UTC)",
        "date.today()",
        "random.random()",
        "from random import choice",
        "np.random.normal(0, 1)",
        "np.random.default_rng()",
    ],
)
def test_a_clock_or_chance_is_found(source: str) -> None:
    assert impurities(source)


@pytest.mark.parametrize("source", ["random.Random(7)", "np.random.default_rng(seed)", "record.time"])
def test_seeds_and_times_of_records_are_fine(source: str) -> None:
    assert not impurities(source)


def test_the_door_opens_without_the_demo() -> None:
    """Who installs no extra has no pandas; nothing but the demo may need it."""
    code = "import sys; sys.modules['pandas'] = None; import headrace, headrace.cli, agents, models, streams"

    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert result.returncode == 0, result.stderr
