"""features → predictions: every active model answers; what the champion said is served, or who has a share."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.line import Line
from agents.work import Work
from models.answers import label_from
from models.shares import entity_of
from schemas.codec import encode
from schemas.errors import BadRecord
from schemas.predictions import Prediction
from schemas.traceparent import traced


async def predictions(works: AsyncIterable[Work], line: Line) -> None:
    """Answer each event, or reject it with the name of the model that could not."""
    pipeline, headers = line.pipeline, line.headers("predictions")
    problem, label_type = pipeline.problem, pipeline.label_type
    async for work in works:
        with work.batch as batch:
            predict, position, now = line.learning.predict, line.learning.position, batch.now
            traces, shares = work.traces, line.learning.shares
            shared = bool(shares)
            for record, features, received in work.features:
                examples = line.examples[record.partition]
                trace = traces.get((record.partition, record.offset)) if traces else None
                try:
                    said = predict(features.features)
                except BadRecord as error:
                    examples.dismiss(features.id)
                    work.reject("predictions", features.event, record.key, record.value, error, trace)
                    continue
                place = shares.place(said, entity_of(record.key, features.id)) if shared else 0
                own = said[place]
                prediction = Prediction(
                    id=features.id,
                    time=features.time,
                    score=own.score,
                    label=label_from(problem, own.score, label_type),
                    model=own.model,
                    version=own.version,
                    position=position,
                    shadows=[*said[:place], *said[place + 1 :]] if place else said[1:],
                    due=examples.due(features.time),
                    event=features.event,
                    received=received,
                    predicted=now,
                    served=place,
                )
                told = headers
                if trace is not None:
                    told = traced(headers, trace.traceparent)
                    trace.end(model=f"{own.model}@{own.version}:{position}")
                batch.send("predictions", record.partition, record.key, encode(prediction), told)
                work.predictions.append((features, prediction))
            if work.features:
                age_s = (now - work.features[-1][2]).total_seconds()
                line.costs.answer(line.learning, work.features[-1][1].features, len(work.predictions), age_s)
        await line.forward(work)
