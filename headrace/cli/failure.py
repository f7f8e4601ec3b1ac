"""How a command fails: one message, an exit code, no traceback."""

from __future__ import annotations

import json
import sys

from schemas.errors import BadRecord, HeadraceError, UserError

OUTSIDE = 1
MISTAKE = 2


def exit_code(error: HeadraceError) -> int:
    """2 for what the person who typed the command can mend, 1 for what lies outside."""
    return MISTAKE if isinstance(error, UserError | BadRecord) else OUTSIDE


def report(error: HeadraceError, *, as_json: bool) -> int:
    """Tell of an error; as JSON on stdout where JSON was asked for, otherwise as text on stderr.

    Returns
    -------
    The exit code.
    """
    if as_json:
        print(json.dumps({"error": {"kind": type(error).__name__, "message": str(error)}}), flush=True)
    else:
        print(f"headrace: {error}", file=sys.stderr)
    return exit_code(error)
