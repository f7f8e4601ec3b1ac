"""Learning many labels at a time, with frames of pandas: loaded only where it is asked for.

River's mini-batches are another fold than one by one: a linear model takes one step for the mean gradient of a batch,
so it needs another learning rate. What a batch is made of is in the order of the log, so the fold can be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from schemas.values import FeatureValue, LabelValue


def learn(model: Any, rows: Sequence[tuple[dict[str, FeatureValue], LabelValue]]) -> None:
    """Let a model learn one batch.

    Examples that have the same features are learnt together, in the order in which such came first: a frame of others
    would have gaps, and a gap that is learnt makes a linear model answer NaN for ever.

    Parameters
    ----------
    model
        All its steps have ``learn_many``.
    rows
        Features and label of each example.

    Raises
    ------
    ValueError
        If a feature is None.
    """
    alike: dict[frozenset[str], list[tuple[dict[str, FeatureValue], LabelValue]]] = {}
    for row in rows:
        alike.setdefault(frozenset(row[0]), []).append(row)
    for members in alike.values():
        names = list(members[0][0])
        columns = {name: [features[name] for features, _ in members] for name in names}
        gaps = [name for name, values in columns.items() if None in values]
        if gaps:
            raise ValueError(f"{', '.join(gaps)} may be None: leave them out instead")
        model.learn_many(pd.DataFrame(columns), pd.Series([label for _, label in members], name="label"))
