"""What a log says of a subject that failed in a run of many: which, with what kind of error, and no values."""

from __future__ import annotations

import json
import logging

from chalicelib.core.errors import Refusal


def log_failure(log: logging.Logger, alarm: str, error: Exception, **about: str | int) -> None:
    """One line for a failure: `alarm` names what was not done, `about` what it was to be done to."""
    code = error.code if isinstance(error, Refusal) else None
    log.error(json.dumps({"alarm": alarm, **about, "type": type(error).__name__, "code": code}))
