"""Values from files of other people against a schema: every key known, every value of its type and in its range, before use.

A schema is a type that pydantic understands: a BaseModel below `Schema`, or one of the program's own dataclasses, whose
annotations then say what a file may hold.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from seda.errors import FileFormatError, SedaError

_SHOWN = 60  # characters of a value that a message quotes


class Schema(BaseModel):
    """Base of schemas: other keys, numbers in quotes, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class OpenSchema(BaseModel):
    """Keys that are read are checked; there may be others, with JSON of the size that files may have."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, frozen=True)


Line = Annotated[str, Field(max_length=300)]  # a name or a title
Text = Annotated[str, Field(max_length=10_000)]  # some sentences
Count = Annotated[int, Field(ge=0, le=2**53)]  # what a browser can count too


def check(schema: Any, value: Any, where: str, *, remedy: str = "", error: type[SedaError] = FileFormatError) -> Any:
    """The value as the schema has it; lists become tuples where it says so.

    Args:
        schema: a type.
        value: plain JSON values, see `seda.storage.parse_json`.
        where: how the message calls what the value came from.
        remedy: what the user can do.
        error: the kind of error that is raised.
    Raises:
        SedaError: of that kind; names the first key that is wrong, what came there and what is allowed.
    """
    try:
        # as JSON, because strictness about Python's types would refuse lists for tuples
        return _adapter(schema).validate_json(json.dumps(value), strict=True)
    except ValidationError as failed:
        raise error(f"{where}: {_sentence(failed)}", remedy=remedy) from failed
    except SedaError as failed:  # of a dataclass's own checks
        raise error(f"{where}: {failed.message}", remedy=remedy or failed.remedy) from failed


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _sentence(failed: ValidationError) -> str:
    """The first problem: its key, what came and what is allowed."""
    problems = failed.errors(include_url=False)
    first = problems[0]
    parts = [str(part) for part in first["loc"] if not _is_branch(part)]
    key = ".".join(parts) or "the whole"
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"the key {key:.200} is not allowed (its value is {_shown(first['input'])}){more}."
    if first["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"the key {key:.200} is missing{more}."
    words = first["msg"][:1].lower() + first["msg"][1:]
    return f"{key:.200} is {_shown(first['input'])}; {words:.300}{more}."


def _is_branch(part: int | str) -> bool:
    """Whether a part of a location names an alternative of a union and not a key."""
    return isinstance(part, str) and ("[" in part or part in ("int", "float", "str", "bool", "none"))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
