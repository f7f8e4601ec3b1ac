"""Who leaves when a challenger waits for a place."""

from __future__ import annotations

from models.reigns import Reigns
from models.retrains import Retrains
from schemas.examples import Control


def leaving(retrains: Retrains, reigns: Reigns) -> list[Control]:
    """The record that takes out a trained challenger that was given up, where another one waits for its place."""
    if retrains.has_room or not retrains.open:
        return []
    key = reigns.given_up(retrains.occasions.challengers)
    if key is None:
        return []
    reason = f"it was given up, and another challenger waits for one of {retrains.declared.challengers_max} places"
    definition = reigns.models[key].definition
    return [Control(action="removed", model=key[0], version=key[1], definition=definition, reason=reason)]
