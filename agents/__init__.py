"""When it happens: one Faust agent per arrow of the flow, and the worker that puts them together."""
