"""The metadata of a context: JSON that PostgreSQL accepts, checked when it is given.

https://www.postgresql.org/docs/current/datatype-json.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from pghistory.config import settings

_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class MetadataError(ValueError):
    """Metadata that jsonb cannot represent."""


def encode(metadata: dict[str, Any]) -> str:
    """Return the metadata as ASCII JSON. Raise MetadataError if jsonb cannot store a value."""
    try:
        text = json.dumps(metadata, cls=settings.json_encoder, allow_nan=False)
    except ValueError as error:
        raise MetadataError(_explain(metadata, error)) from error
    except TypeError as error:
        raise TypeError(
            f"The context's metadata are not JSON: {error}. Give values that "
            f"settings.PGHISTORY_JSON_ENCODER ({settings.json_encoder.__name__}) knows."
        ) from error
    if _SUSPICIOUS.search(text):
        _reject_characters("metadata", json.loads(text))
    return text


def _explain(metadata: dict[str, Any], error: ValueError) -> str:
    for key, value in metadata.items():
        try:
            json.dumps(value, cls=settings.json_encoder, allow_nan=False)
        except ValueError:
            return (
                f"The context's {key}={value!r} is not JSON ({error}): "
                "there is no NaN and no Infinity in it. Give None or a text."
            )
        except TypeError:
            continue
    return f"The context's metadata are not JSON: {error}."


def _reject_characters(path: str, value: Any) -> None:
    """Raise MetadataError if a text in the value has a character that jsonb cannot represent."""
    if isinstance(value, dict):
        for key, item in value.items():
            _reject_characters(f"the key {key!r} in {path}", key)
            _reject_characters(f"{path}[{key!r}]", item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _reject_characters(f"{path}[{number}]", item)
    elif isinstance(value, str):
        found = "a NUL" if "\0" in value else "half a surrogate pair" if _is_torn(value) else ""
        if found:
            raise MetadataError(
                f"The context has {found} in {path}: {value!r}. "
                "PostgreSQL's jsonb has no such character: remove it."
            )


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
