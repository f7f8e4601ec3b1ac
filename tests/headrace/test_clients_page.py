"""What docs/clients.md shows is run as it stands there: commands in a shell, Python in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.broker import Broker

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text())


@pytest.fixture(scope="module")
def environment(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the page takes for granted around a command."""
    folder = tmp_path_factory.mktemp("clients")
    # The command of the very interpreter that runs the tests, whether or not its folder is on the path.
    commands = folder / "bin"
    commands.mkdir()
    command = commands / "headrace"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m headrace.cli "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PAGE.parents[1]),
        "HEADRACE_BOOTSTRAP": broker.bootstrap,
        "HEADRACE_DATA": str(folder / "data"),
        "PWD": str(folder),
    }


@pytest.fixture(scope="module")
def folder(environment: dict[str, str]) -> Iterator[Path]:
    """A folder with pipeline.py, its topics applied and a worker at work."""
    folder = Path(environment["PWD"])
    for arguments in (["init"], ["apply", "pipeline.py"]):
        subprocess.run(["headrace", *arguments], cwd=folder, env=environment, timeout=60, check=True)
    with (folder / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "headrace.cli", "run", "pipeline.py"], cwd=folder, env=environment, stderr=log
        )
        yield folder
        worker.terminate()
        assert worker.wait(30) == 0, (folder / "worker.log").read_text()


def test_page_shows_commands_python_and_kcat() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "python"}
    assert any("kcat" in text for _, text in BLOCKS)


@pytest.mark.parametrize(("kind", "text"), BLOCKS, ids=range(len(BLOCKS)))
def test_block_of_the_page_runs(kind: str, text: str, folder: Path, environment: dict[str, str]) -> None:
    if "kcat" in text and shutil.which("kcat") is None:
        pytest.skip("kcat is not installed: apt-get install kcat")
    runner = ["bash", "-euo", "pipefail", "-c"] if kind == "sh" else [sys.executable, "-c"]
    answer = subprocess.run(
        [*runner, text], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stderr == ""
