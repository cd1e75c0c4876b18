"""The house's own trade templates, each read from `templates/*.toml` once per process.

They are checked by a test and not at every start. Leaves to others: templates that tenants publish (`store.py`).
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from chalicelib.core.errors import NotFound
from chalicelib.trades.domain.checking import ID
from chalicelib.trades.domain.template import Template

FOLDER = Path(__file__).with_name("templates")


def read_template(text: str) -> Template:
    """The template a TOML text describes, unchecked: see `check_template`."""
    return msgspec.convert(tomllib.loads(text), type=Template)


@cache
def house_template(template_id: str) -> Template | None:
    """The house's template of this id, or None."""
    path = FOLDER.joinpath(f"{template_id}.toml")
    if not ID.fullmatch(template_id) or not path.is_file():
        return None
    return read_template(path.read_text(encoding="utf-8"))


@cache
def all_templates() -> dict[str, Template]:
    """Every template of the house by id, sorted."""
    found = ((path.stem, house_template(path.stem)) for path in sorted(FOLDER.glob("*.toml")))
    return {name: template for name, template in found if template is not None}


def find_template(template_id: str) -> Template:
    """The house's template of this id. Raises NotFound `template_not_found`."""
    template = house_template(template_id)
    if template is None:
        raise NotFound("template_not_found", "no such template", template_id=template_id)
    return template
