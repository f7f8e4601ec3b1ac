"""The demonstration: a year of real flights as a live stream, and the pipeline that learns from it."""
