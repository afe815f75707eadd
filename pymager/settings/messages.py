"""What is wrong with a setting's value, as one sentence: what the value must be, and what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import ByteSize
from pydantic.fields import FieldInfo

_MAX_SHOWN_CHARACTERS = 60
_KINDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list, or text",
    dict: "a table, or text",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """Annotates the type of a setting that is a number of these."""

    name: str


def must_be(expected: str, value: object) -> ValueError:
    """The error of a validator for a value that is not as expected."""
    return ValueError(f"must be {expected}, got {shortened(value)}")


def shortened(value: object) -> str:
    """A value as an error shows it: on one line, and not too long."""
    if isinstance(value, str) and len(value) > _MAX_SHOWN_CHARACTERS:
        return repr(f"{value[:_MAX_SHOWN_CHARACTERS]}...")
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."


def sentence(problem: Mapping[str, Any], field: FieldInfo, *, secret: bool) -> str:
    """The error message for pydantic's `problem` with a field's value. A secret value is not shown."""
    if problem["type"] == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    expected = f"must be {_expected(field)}"
    return expected if secret else f"{expected}, got {shortened(problem['input'])}"


def unknown(name: str, known: Mapping[str, FieldInfo], prefix: str, *, is_variable: bool) -> str:
    """The error message for a setting that does not exist. `prefix` is that of variables; a file may not have it."""
    plain = name.lower().removeprefix(prefix.lower())
    similar = [prefix + match.upper() if is_variable else match for match in get_close_matches(plain, known, 1)]
    hint = f" Did you mean {similar[0]}?" if similar else ""
    if hint and not is_variable and plain != name:
        hint += " In a file, names are lowercase and have no prefix;"
    return f"no such setting.{hint} docs/reference/settings.md lists all settings"


def _expected(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if kind is ByteSize:
        return f"a size of at least {_bound(field, 'ge') or 0} bytes, such as 100MB or 64MiB"
    name = _KINDS.get(get_origin(kind) or kind)
    unit = next((constraint.name for constraint in field.metadata if isinstance(constraint, Unit)), None)
    if unit is not None:
        name = f"a number of {unit}"
    if name is None:
        return "text that is not empty" if _bound(field, "min_length") else "text"
    least, most, above = _bound(field, "ge"), _bound(field, "le"), _bound(field, "gt")
    match least, above, most:
        case None, None, None:
            return name
        case _, None, None:
            return f"{name} of at least {least}"
        case _, None, _:
            return f"{name} from {least} to {most}"
        case _:
            return f"{name} greater than {above} and at most {most}"


def _bound(field: FieldInfo, name: str) -> float | None:
    found = (getattr(constraint, name, None) for constraint in field.metadata)
    return next((bound for bound in found if bound is not None), None)
