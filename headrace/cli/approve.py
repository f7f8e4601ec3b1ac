"""``headrace approve``: a challenger that waits for a person."""

from __future__ import annotations

from headrace.cli.decisions import about_one_unsaid

command = about_one_unsaid("approve")
