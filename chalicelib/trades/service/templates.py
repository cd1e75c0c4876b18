"""Questions about trade templates."""

from __future__ import annotations

from chalicelib.trades import templates
from chalicelib.trades.domain.template import Template


def list_templates() -> tuple[Template, ...]:
    """Every template, by id."""
    return tuple(templates.all_templates().values())


def get_template(template_id: str) -> Template:
    """A template. Raises NotFound `template_not_found`."""
    return templates.find_template(template_id)
