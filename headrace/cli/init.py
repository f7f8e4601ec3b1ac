"""``headrace init``: a pipeline file to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.output import Json, console, write_json
from schemas.errors import UserError

FILE = "pipeline.py"


def command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write it.")] = Path(),
    json: Json = False,
) -> None:
    """Write a commented pipeline file that works as it is."""
    target = folder / FILE
    template = files("headrace.cli").joinpath("template.py").read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as opened:
            opened.write(template)
    except FileExistsError:
        raise UserError(f"{target} is there already and is left as it is; name another folder") from None
    except OSError as error:
        raise UserError(f"{target} can't be written: {error.strerror}") from None
    if json:
        write_json({"file": str(target)})
        return
    out = console()
    out.print(f"Wrote {target}. Next:", markup=False)
    for line in (
        f"  headrace check {target}",
        "  headrace broker                # in a terminal of its own, unless you have a Kafka",
        f"  headrace apply {target}",
        f"  headrace run {target}          # in a terminal of its own",
    ):
        out.print(line, markup=False)
