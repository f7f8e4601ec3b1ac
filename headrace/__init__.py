"""Headrace keeps machine-learning models right while the world changes, on Apache Kafka."""

from __future__ import annotations

from models.pipeline import Field, Label, Objective, Pipeline

__version__ = "0.1.0"

__all__ = ["Field", "Label", "Objective", "Pipeline"]
