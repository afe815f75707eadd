"""The rows of `pymager.formats`, as parameters of tests: a new row is tested without a change of the tests."""

from dataclasses import fields
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Le

from pymager import formats
from pymager.formats import FORMATS, Encoding
from pymager.settings.model import Settings

OUTPUTS = sorted(format.name for format in FORMATS.values() if format.output)
ENCODING_FIELDS = [field.name for field in fields(Encoding)]
QUALITIES = [
    (name, setting) for name in OUTPUTS for setting in formats.output_of(name).settings if setting.endswith("quality")
]
LOSSLESS = sorted({name for name in OUTPUTS if not formats.output_of(name).palette} - {name for name, _ in QUALITIES})


def extremes(setting: str) -> tuple[object, object]:
    """The smallest and the largest value of a field of `Encoding`, or the first and the last of a list of values.

    They are those of the setting of the same name.
    """
    if setting == "background":
        return (0, 0, 0), (255, 255, 255)
    annotation = Settings.model_fields[setting].annotation
    if get_origin(annotation) is Literal:
        values = get_args(annotation)
        return values[0], values[-1]
    bounds = Settings.model_fields[setting].metadata
    (lowest,) = (bound.ge for bound in bounds if isinstance(bound, Ge))
    (highest,) = (bound.le for bound in bounds if isinstance(bound, Le))
    return lowest, highest
