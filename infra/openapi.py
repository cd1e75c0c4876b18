"""Writes docs/openapi.json, the API's description as it is committed. A test holds it to the routes.

python -m infra.openapi
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from infra.paths import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"


def render() -> str:
    """The document of the routes as they are now, a member a line."""
    return json.dumps(import_module("app").openapi_document(), indent=2, ensure_ascii=False) + "\n"


def write(path: Path = DOCUMENT) -> None:
    """Write the document."""
    path.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write()
