"""features → predictions: every active model answers, the champion's answer is served."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.line import Line
from agents.work import Work
from models.answers import label_from
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
            traces = work.traces
            for record, features, received in work.features:
                examples = line.examples[record.partition]
                trace = traces.get((record.partition, record.offset)) if traces else None
                try:
                    said = predict(features.features)
                except BadRecord as error:
                    examples.dismiss(features.id)
                    work.reject("predictions", features.event, record.key, record.value, error, trace)
                    continue
                champion = said[0]
                prediction = Prediction(
                    id=features.id,
                    time=features.time,
                    score=champion.score,
                    label=label_from(problem, champion.score, label_type),
                    model=champion.model,
                    version=champion.version,
                    position=position,
                    shadows=said[1:],
                    due=examples.due(features.time),
                    event=features.event,
                    received=received,
                    predicted=now,
                )
                told = headers
                if trace is not None:
                    told = traced(headers, trace.traceparent)
                    trace.end(model=f"{champion.model}@{champion.version}:{position}")
                batch.send("predictions", record.partition, record.key, encode(prediction), told)
                work.predictions.append((features, prediction))
        await line.forward(work)
