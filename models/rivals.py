"""River's drift detectors, declared by name to run beside, without a promise.

They look at the champion's loss at every label (those for binary streams at whether it was wrong), and at the mean of
each numeric feature in every window. What they say is written down as a ``signal`` that is marked unpromised: how often
they alarm without drift depends on the distribution of the values, and nobody bounds it jointly.

Source: River 0.26, ``river.drift`` and ``river.drift.binary``, at River's own defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from river import drift
from river.drift import binary

from schemas.drift import Drift
from schemas.examples import FieldSummary


class FHDDM(binary.FHDDM):
    """River's, which tells falls of what it is given: of errors that is given what was right."""

    def update(self, x: bool) -> None:
        """One more answer, and whether it was wrong."""
        super().update(not x)  # type: ignore[no-untyped-call]


#: Looks at any number.
ON_NUMBERS: dict[str, Callable[[], Any]] = {
    "ADWIN": drift.ADWIN,
    "KSWIN": lambda: drift.KSWIN(seed=1),
    "PageHinkley": drift.PageHinkley,
}

#: Looks at errors, true or false.
ON_ERRORS: dict[str, Callable[[], Any]] = {
    "DDM": binary.DDM,
    "EDDM": binary.EDDM,
    "FHDDM": FHDDM,
    "HDDM_A": binary.HDDMA,
    "HDDM_W": binary.HDDMW,
}

NAMES = (*ON_NUMBERS, *ON_ERRORS)


class Rivals:
    """The declared detectors, one of each for every stream.

    Parameters
    ----------
    names
        Of :data:`NAMES`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._detectors: dict[tuple[str, str], Any] = {}

    def on_loss(self, position: int, time: datetime, loss: float, wrong: bool) -> list[Drift]:
        """The champion's loss on one label, and whether it was wrong."""
        told = []
        for name in self._names:
            numbers = name in ON_NUMBERS
            if self._fires(name, "loss", loss if numbers else wrong):
                told.append(_signal(position, time, name, "loss" if numbers else "error", loss))
        return told

    def on_fields(
        self, position: int, time: datetime, fields: Mapping[str, FieldSummary], features: Sequence[str]
    ) -> list[Drift]:
        """The summaries of one window; of those features that are numbers, the means are looked at."""
        told = []
        for name in self._names:
            for feature in features if name in ON_NUMBERS else ():
                field = fields.get(feature)
                if field is None or not field.count or field.minimum is None:
                    continue
                mean = field.total / field.count
                if self._fires(name, feature, mean):
                    told.append(_signal(position, time, name, feature, mean))
        return told

    def _fires(self, name: str, stream: str, value: float | bool) -> bool:
        key = name, stream
        if key not in self._detectors:
            self._detectors[key] = (ON_NUMBERS | ON_ERRORS)[name]()
        self._detectors[key].update(value)
        return bool(self._detectors[key].drift_detected)


def _signal(position: int, time: datetime, detector: str, stream: str, value: float) -> Drift:
    return Drift(
        position=position,
        time=time,
        detector=detector,
        stream=stream,
        cause="concept" if stream in ("loss", "error") else "covariate",
        evidence={"value": float(f"{value:.6g}")},
        unpromised=True,
    )
