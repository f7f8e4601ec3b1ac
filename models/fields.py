"""What single features are like, in each partition and over all, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from models.findings import Finding
from models.normality import VALUES_MIN, Normal, is_constant
from models.references import SCORE
from schemas.examples import FieldSummary, Profile

#: Good rounds before anything can be told from them.
ROUNDS_MIN = 10

#: Share of events by which a share must exceed all that was normal.
MARGIN = 0.1


class Fields:
    """What is normal for every feature. Scores are left out: what models say is no data."""

    def __init__(self) -> None:
        self._reference: int | None = None
        self._normals: dict[tuple[int | None, str], Normal] = {}

    def follow(self, reference: int | None) -> None:
        """Values are counted in the bins of this reference from now on."""
        if reference != self._reference:
            self._reference = reference
            for normal in self._normals.values():
                normal.forget_bins()

    def learn(self, whole: Profile, parts: Mapping[int, Profile], wrong: Container[str | None]) -> None:
        """A round has been judged: all its features are normal but the ``wrong`` ones."""
        everything: list[tuple[int | None, Profile]] = [(None, whole), *parts.items()]
        for partition, profile in everything:
            for name, summary in profile.fields.items():
                if name not in wrong and not name.startswith(SCORE):
                    self._normal(partition, name).add(summary)

    def judge(self, whole: Profile, parts: Mapping[int, Profile]) -> Iterator[Finding]:
        """What is wrong in a round.

        Parameters
        ----------
        whole, parts
            Its profile, and those of its partitions.
        """
        for name, summary in whole.fields.items():
            if name.startswith(SCORE):
                continue
            normal = self._normal(None, name)
            total = summary.count + summary.missing
            if normal.missing.exceeded(summary.missing, total, MARGIN, ROUNDS_MIN):
                share = summary.missing / total
                sentence = f"{name} is missing in {share:.0%} of the events; it was at most {normal.missing.most:.0%}"
                yield Finding(kind="missing", field=name, since=whole.start, size=share, sentence=sentence)
            others = summary.bins[-1] if summary.categories and summary.bins else 0
            if others and normal.other.exceeded(others, sum(summary.bins), MARGIN, ROUNDS_MIN):
                share = others / sum(summary.bins)
                rare = f"{share:.0%} of {name} are rare or new categories; it was at most {normal.other.most:.0%}"
                sentence = rare + _new(summary, normal)
                yield Finding(kind="new_category", field=name, since=whole.start, size=share, sentence=sentence)
            yield from self._of_parts(name, whole, parts)

    def _of_parts(self, name: str, whole: Profile, parts: Mapping[int, Profile]) -> Iterator[Finding]:
        """What may be wrong with a feature in one partition alone."""
        there = {partition: part.fields[name] for partition, part in parts.items() if name in part.fields}
        same = [partition for partition, summary in sorted(there.items()) if self._stuck(partition, name, summary)]
        whole_summary = whole.fields[name]
        everywhere = len(same) == len(there) and is_constant(whole_summary)
        for partition in same[: 1 if everywhere else None]:
            summary = whole_summary if everywhere else there[partition]
            place = "everywhere" if everywhere else f"in partition {partition}"
            yield Finding(
                kind="constant" if everywhere else "stuck",
                field=name,
                partition=None if everywhere else partition,
                since=whole.start if everywhere else parts[partition].start,
                size=summary.count,
                sentence=f"{name} is {_value(summary)} in {summary.count:,} events {place}; it varied before",
            )
        powers = {partition: self._normal(partition, name).power(part, ROUNDS_MIN) for partition, part in there.items()}
        moved = {partition: power for partition, power in sorted(powers.items()) if power is not None}
        everywhere = len(moved) == len(there) and len(set(moved.values())) == 1
        for partition, power in list(moved.items())[: 1 if everywhere else None]:
            place = "" if everywhere else f" in partition {partition}"
            yield Finding(
                kind="unit_change",
                field=name,
                partition=None if everywhere else partition,
                since=whole.start if everywhere else parts[partition].start,
                size=10.0**power,
                sentence=f"{name} is {10.0**power:g} times what it was{place}, in size, spread and extremes",
            )

    def _stuck(self, partition: int, name: str, summary: FieldSummary) -> bool:
        enough = summary.count >= VALUES_MIN and is_constant(summary)
        return enough and self._normal(partition, name).may_not_be_constant(ROUNDS_MIN)

    def _normal(self, partition: int | None, name: str) -> Normal:
        normal = self._normals.get((partition, name))
        if normal is None:
            normal = self._normals[partition, name] = Normal()
        return normal


def _value(summary: FieldSummary) -> str:
    return repr(next(iter(summary.categories))) if summary.categories else f"{summary.minimum:g}"


def _new(summary: FieldSummary, normal: Normal) -> str:
    """The most frequent category that was not seen before, for a sentence."""
    unseen = [(count, name) for name, count in summary.categories.items() if name not in normal.categories]
    return f"; {max(unseen)[1]!r} is new" if unseen else ""
