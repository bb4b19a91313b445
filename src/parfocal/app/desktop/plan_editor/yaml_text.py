"""Parts of plans as YAML that people edit. Pure."""

from __future__ import annotations

from typing import Any


def shown_yaml(value: Any) -> str:
    r"""Return plain data as YAML; "" for nothing.

    Examples
    --------
    >>> shown_yaml({"text": "in?"}), shown_yaml({})
    ('text: in?\n', '')
    """
    import yaml  # a few ms, which only who looks at it pays

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True) if value else ""


def read_yaml(text: str) -> Any:
    """Return the data that a text describes, None for nothing; what is no YAML is returned as it stands.

    Examples
    --------
    >>> read_yaml("a: [1, 2]"), read_yaml(""), read_yaml("a: [1")
    ({'a': [1, 2]}, None, 'a: [1')
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
