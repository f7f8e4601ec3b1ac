"""``headrace reject``: the same, the other way."""

from __future__ import annotations

from headrace.cli.decisions import about_one_unsaid

command = about_one_unsaid("reject")
