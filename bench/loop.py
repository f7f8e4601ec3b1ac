"""The whole loop and its peers, side by side in one run, and all else that is measured.

``python -m bench.loop`` starts a broker of its own (or takes the one at ``HEADRACE_BOOTSTRAP``, without
encryption or log-in), fills the topics of every contender, and lets each run alone, in a process of its own,
from the first record consumed to the last prediction committed. The rounds are interleaved, so that what the
machine does otherwise meets all of them, and the median of the rounds is the figure. After the rounds come the
single measurements: latency, memory, labels that wait, restarts, and the cost of each stage.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import brokers, latency, memory, prefill, restart, stages, stream, transaction, waiting
from bench.contenders import CONTENDERS, Contender, ContenderError, Round
from bench.figures import Figures, table
from schemas.errors import HeadraceError

EVENTS = 200_000
ROUNDS = 3
# Below this, a contender with a small share would be measured in its first seconds only.
EVENTS_MIN = 2000

# Measured once each, alone, when the rounds are over: given the address of the broker.
SINGLES: dict[str, Callable[[str], dict[str, Any]]] = {
    "latency": latency.headrace,
    "transaction": transaction.measure,
    "restart": restart.measure,
    "stages": stages.measure,
    "waiting": lambda _: waiting.measure(),
    "memory": memory.measure,
}


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


def measure_singles(address: str, names: Sequence[str], reasons: dict[str, str]) -> dict[str, Any]:
    """Measure what is measured once; what fails is left out, with its reason."""
    result: dict[str, Any] = {}
    for name in names:
        _note(name)
        try:
            result |= SINGLES[name](address)
        except (HeadraceError, TimeoutError) as error:
            reasons[name] = str(error)
            _note(f"{name} left out: {error}")
    return result


def machine() -> dict[str, Any]:
    """Say where and when this was measured."""
    return {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.machine())


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a command; the exit code is 0 if something was measured."""
    names = [*(each.name for each in CONTENDERS), *SINGLES]
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"events of a contender (default {EVENTS:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"interleaved rounds (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--save", type=Path, help="write the figures to this file too, if nothing was left out")
    chosen = parser.parse_args(arguments)
    contenders = [each for each in CONTENDERS if each.name in chosen.only]
    begun_s = time.monotonic()
    try:
        with brokers.bootstrap() as address:
            figures = measure(address, contenders, chosen.events, chosen.rounds)
            singles = measure_singles(address, [name for name in SINGLES if name in chosen.only], figures.reasons)
    except HeadraceError as error:
        _note(str(error))
        return 1
    result: dict[str, Any] = {
        **figures.medians(),
        **singles,
        "reasons": figures.reasons,
        "rounds": chosen.rounds,
        "bench_s": round(time.monotonic() - begun_s),
        **machine(),
    }
    text = json.dumps(result, indent=2)
    if chosen.save is not None and len(chosen.only) == len(names):
        chosen.save.write_text(text + "\n", encoding="utf-8")
    print(text if chosen.json else _as_text(figures, singles))
    return 0 if figures.measured or singles else 1


def _as_text(figures: Figures, singles: dict[str, Any]) -> str:
    return "\n".join([table(figures), *(f"{key:<34}{value:>12}" for key, value in singles.items())])


if __name__ == "__main__":
    sys.exit(main())
