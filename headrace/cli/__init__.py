"""The command ``headrace``.

Each command is a module of its own and is imported only when it is called: the machine-learning and Kafka
libraries take seconds to load, which neither ``headrace --help`` nor a shell's completion should cost.

Exit codes: 0 it went well; 1 something outside failed (no broker, nothing in time); 2 there is something to
mend.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NamedTuple

import typer

import headrace
from headrace.cli.failure import report
from schemas.errors import HeadraceError


class Entry(NamedTuple):
    """A command: its name, which is also that of its module, and its line in the help."""

    name: str
    help: str
    group: bool = False


COMMANDS: tuple[Entry, ...] = (
    Entry("init", "Write a commented pipeline file to start from."),
    Entry("check", "Find every mistake in a pipeline file."),
    Entry("broker", "Run a real Apache Kafka here, with nothing to install."),
    Entry("apply", "Create a pipeline's topics, or show what would be done."),
    Entry("run", "Run a worker: predict, learn, report."),
    Entry("send", "Send events: one as JSON, or many from a file or stdin, one per line."),
    Entry("label", "Say what was true about an event."),
    Entry("predict", "Send an event and wait for its prediction."),
    Entry("tail", "Read a topic, decoded."),
    Entry("status", "Show offsets, lag, position and the latest health."),
    Entry("alerts", "See what is wrong, take it up, silence it.", group=True),
    Entry("models", "See which versions there are, and who was in charge when.", group=True),
    Entry("approve", "Let a challenger that waits for a person take over."),
    Entry("reject", "Keep the champion: the challenger that waits does not take over."),
    Entry("why", "Say why a prediction, or a version, is what it is."),
    Entry("profile", "Show what came in, field by field, over time."),
    Entry("retrain", "Train a challenger from the learning log."),
    Entry("replay", "Fold the learning log again and compare with what was served."),
    Entry("doctor", "Look for what commonly goes wrong, and say what to do."),
    Entry("export", "Write the contract, or files for Prometheus, Alertmanager, Grafana.", group=True),
    Entry("demo", "Replay a year of real flights as a live stream."),
)


def application(wanted: str | None) -> typer.Typer:
    """The command line, with the code of one command.

    Parameters
    ----------
    wanted
        The command that will be called; ``None`` loads all of them.
    """
    app = typer.Typer(
        name="headrace",
        help=headrace.__doc__,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for entry in COMMANDS:
        if wanted not in (None, entry.name):
            app.command(entry.name, help=entry.help)(_not_loaded)
            continue
        module = import_module(f"headrace.cli.{entry.name}")
        if entry.group:
            app.add_typer(module.app, name=entry.name, help=entry.help, no_args_is_help=True)
        else:
            app.command(entry.name, help=entry.help)(module.command)
    return app


#: Exit code of a command that Ctrl-C has ended: 128 and the number of the signal.
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and give its exit code; an error of ours is a message, never a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    completing = any(name.endswith("_COMPLETE") for name in os.environ)
    wanted = None if completing else next((word for word in given if not word.startswith("-")), "")
    try:
        application(wanted)(given, prog_name="headrace")
    except HeadraceError as error:
        return report(error, as_json="--json" in given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        # Before the command itself could take it: while its libraries were being loaded.
        return INTERRUPTED
    return 0


def _version(asked: bool) -> None:
    if asked:
        typer.echo(headrace.__version__)
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", is_eager=True, callback=_version
    ),
) -> None:
    pass


def _not_loaded() -> None:
    raise AssertionError("only the command that is called is loaded")
