"""Measurements, side by side in one run: the whole loop, the bare model, and the peers."""
