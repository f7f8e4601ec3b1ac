"""Where the state of a model comes from that joins in: fresh as declared, stored by a trainer, or trained again."""

from __future__ import annotations

import logging
import pickle
import time
from typing import Any

from agents.trainer import read_range
from models.learning import Fresh, fresh_from
from models.parameters import adjusted
from models.pipeline import Pipeline
from models.search import built
from models.training import Training, Unfit
from schemas.errors import CheckpointRefused, PipelineError
from schemas.examples import Control
from streams.checkpoints import Checkpoints
from streams.settings import Settings
from streams.topology import Topology

logger = logging.getLogger(__name__)

#: Seconds that training again may take where a state is not stored.
AGAIN_S_MAX = 3600.0


def slot_of(model: str, version: int) -> str:
    """The slot of a trained state on the topic ``models``."""
    return f"trained/{model}@{version}"


class States:
    """Gives each model that joins in its state, the same on every worker.

    Parameters
    ----------
    pipeline, settings, topology
        What is declared, and where the learning log is.
    checkpoints
        Where trained states are stored; ``None``: nowhere, each is trained again from the log.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, topology: Topology, checkpoints: Checkpoints | None
    ) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._topic = topology.name("examples")
        self._checkpoints = checkpoints
        self._fresh: Fresh = fresh_from(pipeline)
        #: What this worker has just stored: it need not read it again.
        self.own: dict[tuple[str, int], bytes] = {}

    def __call__(self, control: Control) -> Any:
        """The model of an ``added`` control record.

        Raises
        ------
        PipelineError
            If it is not declared so here, or can't be trained again as it was.
        BrokerUnavailable
            If the log can't be read.
        """
        trained = control.trained
        if trained is None:
            return self._fresh(control)
        if trained.method == "warm":
            # Its parent was gone when it was to begin: it begins fresh, on every worker.
            return adjusted(self._fresh(control), trained.parameters)
        slot = slot_of(control.model, control.version)
        try:
            content = self.own.pop((slot, trained.end), None) or self._stored(slot, trained.end)
            return pickle.loads(content)  # its signature has been verified
        except CheckpointRefused as error:
            if self._checkpoints is not None:
                logger.warning("%s is trained again from the log: %s", slot, error)
        except Exception as error:
            logger.warning("%s is trained again from the log, for it does not load here: %r", slot, error)
        return self._again(control)

    def _stored(self, slot: str, position: int) -> bytes:
        if self._checkpoints is None:
            raise CheckpointRefused("nothing is stored")
        return self._checkpoints.kept(slot, position)

    def _again(self, control: Control) -> Any:
        """Train it as the trainer did."""
        trained = control.trained
        assert trained is not None
        model = built(self._fresh(control), trained.parameters, trained.features)
        training = Training(self._pipeline, model, trained.first, trained.end, trained.batch)
        state = f"{control.model}@{control.version}"
        try:
            read_range(training, self._settings, self._topic, trained.end, time.monotonic() + AGAIN_S_MAX)
            digest = training.digest()
        except Unfit as error:
            raise PipelineError(self._pipeline.name, [f"{state} can't be trained again: {error}"]) from error
        if digest != trained.digest:
            # As with all models that are folded again with other libraries: the service must go on.
            logger.warning("%s trained again says other things than it did: other versions of the libraries?", state)
        return model
