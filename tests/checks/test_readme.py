"""The README's commands, as a newcomer types them: in a clean copy, with an empty home."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()

#: It installs everything anew, by way of the network.
INSTALL_S = 1200


def commands() -> list[str]:
    """What the README says to type, without the comments."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    return [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]


def type_in(folder: Path, command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Type a command into a shell that knows nothing of this environment."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "VIRTUAL_ENV", "XDG_"))
    }
    path = ":".join(entry for entry in kept["PATH"].split(":") if ".venv" not in entry)
    environment = kept | {"HOME": str(home), "PATH": path, "NO_COLOR": "1"}
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )


@pytest.mark.timeout(2 * INSTALL_S)
def test_the_two_commands_do_everything_in_a_clean_copy(tmp_path: Path) -> None:
    assert commands()[:2] == ["make demo", "make test"]
    copy, home = tmp_path / "headrace", tmp_path / "home"
    home.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)

    demo = type_in(copy, 'make demo ARGS="--events 500"', home)
    assert demo.returncode == 0, demo.stdout[-3000:] + demo.stderr[-3000:]
    assert "500 flights went in and 500 predictions came out" in demo.stdout

    # The whole of it is what is running now; here it is shown that it starts, and that failures would be told.
    tests = type_in(copy, 'make test ARGS="-q tests/schemas tests/streams/test_apply.py"', home)
    assert tests.returncode == 0, tests.stdout[-3000:] + tests.stderr[-3000:]
    assert re.search(r"\d+ passed", tests.stdout)
    none = type_in(copy, 'make test ARGS="-q tests/nosuch.py"', home)
    assert none.returncode != 0
