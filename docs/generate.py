"""Write the parts of the documents that say what the code says: ``make docs``; with ``--check``, compare.

A part stands in its document between two lines, and what is around them is written by hand::

    <!-- generated: settings -->
    ...
    <!-- end of settings -->

To add a part, write a function here that returns its text, name it in :data:`PARTS`, and put the two lines
where it belongs.
"""

from __future__ import annotations

import ast
import difflib
import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from agents.families import FAMILIES, SERIES_MAX
from agents.worker import STAGES
from headrace.exports.rules import ALERTS
from streams.settings import Settings
from streams.topology import TOPICS

ROOT = Path(__file__).resolve().parent.parent


#: The packages, in the order in which they import.
FOLDERS = ("schemas", "streams", "models", "agents", "headrace")


class Part(NamedTuple):
    """One generated part: its document, its name there, and what writes it."""

    document: str
    name: str
    write: Callable[[], str]


# A default that is computed depends on the surroundings, so it is said here; a test compares.
COMPUTED = {"data": "`$XDG_DATA_HOME/headrace`, else `~/.local/share/headrace`"}


def settings() -> str:
    """The table of the settings, in the order in which the class has them."""
    prefix = Settings.model_config["env_prefix"]
    rows = [
        f"| `{prefix}{name.upper()}` | {_default(name, field)} | {field.description}{_choices(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what it says |", "| --- | --- | --- |", *rows])


def flow() -> str:
    """The picture of topics and agents, in Mermaid."""
    lines = ["```mermaid", "flowchart LR"]
    arrows: dict[str, None] = {}
    for topic in TOPICS:
        if not topic.written_by:
            continue
        lines.append(f"    {topic.noun}[{topic.noun}]")
        for stage in topic.written_by:
            arrows[f"    {_stage(stage)} --> {topic.noun}"] = None
        for stage in topic.read_by:
            arrows[f"    {topic.noun} --> {_stage(stage)}"] = None
    for (one, _), (other, _) in pairwise(STAGES):
        arrows[f"    {_stage(one)} -. batch .-> {_stage(other)}"] = None
    return "\n".join([*lines, *arrows, "```"])


def _stage(name: str) -> str:
    # A topic and the agent of the same noun are two things.
    return f"agent_{name}({name})" if name != "outside" else "outside{{applications}}"


def topics() -> str:
    """The table of topics."""
    rows = []
    for topic in TOPICS:
        partitions, writers = "P" if topic.spread else 1, ", ".join(topic.written_by) or "nobody yet"
        rows.append(f"| `{topic.noun}` | {partitions} | {topic.key} | {topic.holds} | {writers} |")
    head = ["| topic | partitions | key | holds | written by |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


def files() -> str:
    """The first sentence of every file, by folder."""
    lines = []
    for folder in FOLDERS:
        lines += [f"**{folder}/** {_first_sentence(ROOT / folder / '__init__.py')}", "", "| file | |", "| --- | --- |"]
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name != "__init__.py":
                lines.append(f"| `{path.relative_to(ROOT)}` | {_first_sentence(path)} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def _default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None:
        return COMPUTED[name]
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return "–" if value in ("", None) else f"`{value}`"


def _choices(field: FieldInfo) -> str:
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    return f" ({', '.join(f'`{choice}`' for choice in choices)})" if choices else ""


def metrics() -> str:
    """The table of metrics."""
    rows = []
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        told = f"{family.help} (leader)" if family.who == "leader" else family.help
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {told} |")
    bound = f"Of each metric one worker tells {SERIES_MAX:,} series at most."
    return "\n".join(["| metric | kind | labels | what it says |", "| --- | --- | --- | --- |", *rows, "", bound])


def alerts() -> str:
    """The table of alert rules."""
    rows = []
    for rule in ALERTS:
        severity = rule["labels"]["severity"]
        given = "as given" if severity.startswith("{{") else severity
        when = rule["expr"].replace("|", "\\|")
        rows.append(
            f"| `{rule['alert']}` | {given} | `{when}` | {rule['for']} | {rule['annotations']['description']} |"
        )
    head = ["| alert | severity | when | for | what to do |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


#: The figures of the last whole run of the bench.
BENCH = ROOT / "docs" / "bench.json"

#: Contenders of the bench, in words.
CONTENDERS = {
    "river": "bare River loop, no Kafka",
    "river_watched": "the same with ADWIN on every feature, score, label and loss",
    "loop_one_worker": "**Headrace, whole loop, exactly once, one worker**",
    "loop_unwatched": "the same without monitoring (profiles, drift, objectives, groups)",
    "loop_two_workers": "**the same, two workers**",
    "faust": "whole loop in idiomatic Faust, at least once",
    "confluent": "one hop in confluent-kafka, at least once",
    "confluent_transactional": "one hop in confluent-kafka, exactly once",
    "quix": "one hop in Quix Streams, at least once",
    "bytewax": "one hop in Bytewax, at least once",
}

#: What else the bench measures: in words, and how its figures are written.
FIGURES = (
    ("one worker / bare River with detectors", "{ratio_one_worker:.2f}"),
    ("one worker without monitoring / bare River", "{ratio_unwatched:.2f}"),
    ("one worker / the same without monitoring", "{ratio_watched:.2f}"),
    ("two workers / bare River with detectors", "{ratio_two_workers:.2f}"),
    ("one worker / Faust", "{ratio_faust:.1f}"),
    ("one worker / one hop in confluent-kafka", "{ratio_confluent:.2f}"),
    ("one worker / the same exactly once", "{ratio_confluent_transactional:.2f}"),
    ("one worker / one hop in Quix Streams", "{ratio_quix:.2f}"),
    ("one worker / one hop in Bytewax", "{ratio_bytewax:.2f}"),
    ("bare River / one hop in Bytewax; in confluent-kafka", "{ratio_river_bytewax:.2f}; {ratio_river_confluent:.2f}"),
    ("one empty transaction: p50, p99", "{transaction_p50_ms:.1f} ms, {transaction_p99_ms:.1f} ms"),
    ("event to committed prediction at 1,000/s: p50, p99", "{latency_p50_ms:.1f} ms, {latency_p99_ms:.1f} ms"),
    ("the same at 10/s", "{idle_p50_ms:.1f} ms, {idle_p99_ms:.1f} ms"),
    ("start to first prediction", "{start_s:.1f} s"),
    ("kill -9 to first new prediction: median, slowest", "{restart_s:.1f} s, {restart_slowest_s:.1f} s"),
    ("memory over {memory_events:,} events: early, late", "{memory_first_mb:.0f} MB, {memory_last_mb:.0f} MB"),
    ("memory of {waiting_events:,} labels waiting", "{waiting_million_mb:.0f} MB"),
    ("rate then, against 10,000 waiting", "{waiting_ratio:.2f}"),
    ("labels that the models were behind: p50, p99", "{staleness_p50_labels:,.0f}, {staleness_p99_labels:,.0f}"),
    ("log loss as served at full speed; of the bare loop", "{served_log_loss:.4f}; {river_log_loss:.4f}"),
)


def bench() -> str:
    """The tables of the last whole run of the bench."""
    if not BENCH.exists():
        return "Not measured yet: `make bench` does it."
    found: dict[str, Any] = json.loads(BENCH.read_text(encoding="utf-8"))
    about = (
        f"Measured on {found['measured_on']}: {found['cores']} cores ({found['processor']}), {found['system']}, "
        f"Python {found['python']}; median of {found['rounds']} rounds."
    )
    rates = [
        f"| {text} | {found[f'{name}_per_s']:,.0f} | {found[f'{name}_cpu_us']:,.0f} |"
        for name, text in CONTENDERS.items()
        if found.get(f"{name}_per_s") is not None
    ]
    figures = [row for text, value in FIGURES if (row := _figure(text, value, found))]
    spent = ("stage_", "source_", "frame_", "kafka_client_")
    stages = [
        f"| {key.removesuffix('_us').replace('_', ' ')} | {found[key]:.1f} |" for key in found if key.startswith(spent)
    ]
    tables = (
        ["| contender | events/s | µs of CPU an event |", "| --- | ---: | ---: |", *rates],
        ["| figure | |", "| --- | ---: |", *figures],
        ["| where one worker spends it | µs of CPU an event |", "| --- | ---: |", *stages],
    )
    missing = [f"Not measured: {name} ({reason})." for name, reason in found["reasons"].items()]
    return "\n\n".join([about, *("\n".join(table) for table in tables), *missing])


def _figure(text: str, value: str, found: dict[str, Any]) -> str:
    """One row; empty if something of it was not measured."""
    try:
        return f"| {text.format_map(found)} | {value.format_map(found)} |"
    except (KeyError, TypeError):
        return ""


PARTS = (
    Part("docs/settings.md", "settings", settings),
    Part("docs/architecture.md", "flow", flow),
    Part("docs/architecture.md", "topics", topics),
    Part("docs/architecture.md", "files", files),
    Part("docs/bench.md", "bench", bench),
    Part("docs/operations.md", "metrics", metrics),
    Part("docs/operations.md", "alerts", alerts),
)


def renew(text: str, part: Part) -> str:
    """Give a document's text with one part written anew.

    Raises
    ------
    ValueError
        The document has no place for it, or more than one.
    """
    first, last = f"<!-- generated: {part.name} -->\n", f"<!-- end of {part.name} -->\n"
    if text.count(first) != 1 or text.count(last) != 1 or text.index(first) > text.index(last):
        raise ValueError(f"{part.document}: needs the lines {first.strip()} and {last.strip()} once, in this order")
    before, _, rest = text.partition(first)
    after = rest.partition(last)[2]
    return f"{before}{first}\n{part.write().strip()}\n\n{last}{after}"


def main(arguments: list[str]) -> int:
    """Write all parts, or with ``--check`` show what differs.

    Returns
    -------
    int
        The exit code: 1 if something differs.
    """
    if arguments not in ([], ["--check"]):
        print("usage: python docs/generate.py [--check]", file=sys.stderr)
        return 2
    outdated = 0
    for document in dict.fromkeys(part.document for part in PARTS):
        path = ROOT / document
        old = new = path.read_text(encoding="utf-8")
        for part in PARTS:
            if part.document == document:
                new = renew(new, part)
        if new == old:
            continue
        outdated += 1
        if arguments:
            lines = difflib.unified_diff(
                old.splitlines(), new.splitlines(), document, "what the code says", lineterm=""
            )
            print("\n".join(lines))
            continue
        path.write_text(new, encoding="utf-8")
        print(f"{document}: written")
    if arguments and outdated:
        print(f"{outdated} of the documents are not current; `make docs` writes them", file=sys.stderr)
    return 1 if arguments and outdated else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
