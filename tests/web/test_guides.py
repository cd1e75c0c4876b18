"""The guides against the routes: what they name exists, with its method and parameters, and their examples are bodies
that it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app import openapi_document
from infra.paths import ROOT

GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROUTE = re.compile(r"(?:(GET|POST|PUT|PATCH|DELETE) )?(/v1/[\w/{}.…-]*)(\?[^`\s)]*)?")
POST = re.compile(r"POST (/v1/[\w/{}.-]*)")
NEAR = 900
"""How many characters behind the name of a command its example may stand."""


def plain(path: str) -> str:
    """A route without the names of its parameters; an id that stands for one is one."""
    return re.sub(r"\{[^}]*\}|/[a-z]{3}_\.\.\.", lambda found: "/{}" if found[0][0] == "/" else "{}", path.rstrip("/."))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(openapi_document()))
    return document


@pytest.fixture(scope="module")
def routes(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {plain(path): methods for path, methods in document["paths"].items()}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_what_a_guide_names_is_a_route_with_that_method_and_those_parameters(
    guide: Any, routes: dict[str, dict[str, Any]]
) -> None:
    wrong = []
    for method, path, query in ROUTE.findall(guide.read_text()):
        operation = routes.get(plain(path), {})
        known = operation.get((method or "get").lower(), {}).get("parameters", [])
        names = {one["name"] for one in known}
        if not operation or (method and method.lower() not in operation):
            wrong.append((method, path))
        wrong += [(path, name) for name in re.findall(r"[?&](\w+)=", query) if name not in names]

    assert wrong == []


def examples(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each JSON object that stands by itself, with the command that is named last ahead of it."""
    for found in re.finditer(r"\n\n    (\{\"(?:.|\n    )*\})\n", text):
        named = POST.findall(text[max(found.start() - NEAR, 0) : found.start()])
        if named:
            yield named[-1], json.loads(found[1])


def test_the_examples_of_the_guides_are_bodies_of_their_commands(
    document: dict[str, Any], routes: dict[str, dict[str, Any]]
) -> None:
    bodies = (guide for guide in GUIDES if guide.stem != "bank")  # what banks send is signed bytes
    seen = [(path, body) for guide in bodies for path, body in examples(guide.read_text())]

    wrong = []
    for path, body in seen:
        content = routes[plain(path)]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema = document["components"]["schemas"][content["$ref"].split("/")[-1]]
        lacking = set(schema.get("required", [])) - set(body)
        wrong += [(path, name) for name in {*lacking, *(set(body) - set(schema["properties"]))}]
    assert wrong == []
    assert len(seen) >= 6
