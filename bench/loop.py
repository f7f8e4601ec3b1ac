"""The whole loop and its peers, side by side in one run.

``python -m bench.loop`` starts a broker of its own (or takes the one at ``HEADRACE_BOOTSTRAP``, without
encryption or log-in), fills the topics of every contender, and lets each run alone, in a process of its own,
from the first record consumed to the last prediction committed. The rounds are interleaved, so that what the
machine does otherwise meets all of them, and the median of the rounds is the figure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench import prefill, stream
from bench.contenders import CONTENDERS, Contender, ContenderError, Round
from bench.figures import Figures, table
from schemas.errors import HeadraceError
from streams import broker

EVENTS = 200_000
ROUNDS = 3
# Below this, a contender with a small share would be measured in its first seconds only.
EVENTS_MIN = 2000


@contextmanager
def bootstrap() -> Iterator[str]:
    """Give the address of the user's broker, or of one that lives as long as the bench."""
    own = os.environ.get("HEADRACE_BOOTSTRAP")
    if own:
        yield own
        return
    with broker.start() as started:
        yield started.bootstrap


def measure(address: str, contenders: Sequence[Contender], events: int, rounds: int) -> Figures:
    """Run every contender in every round.

    Parameters
    ----------
    address
        Of the broker.
    contenders
        In the order in which each round runs them.
    events
        For a contender whose share is 1; the others get their share of it.
    rounds
        How often each runs. A contender that fails is left out of the rounds that follow.

    Returns
    -------
    Figures
        What was measured, and why something could not be.
    """
    figures = Figures(contenders)
    bench = f"bench-{uuid.uuid4().hex[:8]}"
    counts = {each.name: max(int(events * each.share), EVENTS_MIN) for each in contenders}
    made = stream.events(max(counts.values()))
    try:
        for number in range(rounds):
            for each in contenders:
                if each.name in figures.reasons:
                    continue
                count = counts[each.name]
                topics = f"{bench}.{each.name}"
                if number == 0 and each.fill is not None:
                    each.fill(address, topics, made[:count])
                _note(f"round {number + 1} of {rounds}: {each.name}, {count:,} events")
                try:
                    figures.add(each, each.run(Round(address, topics, f"r{number}", count)))
                except (ContenderError, HeadraceError) as error:
                    figures.reasons[each.name] = str(error)
                    _note(f"{each.name} left out: {error}")
    finally:
        prefill.delete(address, bench)
    return figures


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a command; the exit code is 0 if something was measured."""
    names = [each.name for each in CONTENDERS]
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"events of a contender (default {EVENTS:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"interleaved rounds (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    chosen = parser.parse_args(arguments)
    contenders = [each for each in CONTENDERS if each.name in chosen.only]
    try:
        with bootstrap() as address:
            figures = measure(address, contenders, chosen.events, chosen.rounds)
    except HeadraceError as error:
        _note(str(error))
        return 1
    result: dict[str, Any] = {
        **figures.medians(),
        "reasons": figures.reasons,
        "rounds": chosen.rounds,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    print(json.dumps(result, indent=2) if chosen.json else table(figures))
    return 0 if figures.measured else 1


if __name__ == "__main__":
    sys.exit(main())
