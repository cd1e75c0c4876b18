"""The house's own trade templates, read from `templates/*.toml` once per process."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from chalicelib.core.errors import NotFound
from chalicelib.trades.domain.template import Template

FOLDER = Path(__file__).with_name("templates")


def read_template(text: str) -> Template:
    """The template a TOML text describes. Raises InvalidInput with a code that names the rule it breaks."""
    return msgspec.convert(tomllib.loads(text), type=Template)


@cache
def all_templates() -> dict[str, Template]:
    """Every template by id, sorted."""
    templates = (read_template(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.toml"))
    return {template.id: template for template in sorted(templates, key=lambda template: template.id)}


def find_template(template_id: str) -> Template:
    """The current version of a template. Raises NotFound `template_not_found`."""
    template = all_templates().get(template_id)
    if template is None:
        raise NotFound("template_not_found", "no such template", template_id=template_id)
    return template
