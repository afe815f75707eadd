"""Which variants `warm` renders of each original: sizes with options, and presets, in formats."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from pymager import formats
from pymager.errors import (
    ConfigurationError,
    InvalidName,
    InvalidOption,
    OptionNotAllowed,
    SizeNotAllowed,
    UnsupportedFormat,
)
from pymager.settings.model import Settings
from pymager.variants.grammar import SIZE_PATTERN, output_format, parse_options
from pymager.variants.option_lists import split_options
from pymager.variants.urls import VariantUrls
from pymager.variants.variant import AUTO, Variant

ALL_PRESETS = "*"
_ID = "x"  # an id is needed to parse a URL
_SIZE = re.compile(SIZE_PATTERN)
_MAX_SHOWN = 40

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A variant to render of each original, for clients that send this `Accept` if its format is negotiated.

    `signed_only` says that unsigned URLs cannot request it.
    """

    variant: Variant
    accept: str | None = None
    signed_only: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class VariantSet:
    """What to render of each original.

    Each size (`800x600`, `800x`) in each format (the extensions of URLs), without options, or with each of `options`
    (`fit=inside,q=70`); and each preset in each format. The preset `*` stands for all. The format `auto` stands for
    every format that a client can get for it.
    """

    sizes: Sequence[str]
    formats: Sequence[str]
    options: Sequence[str] = ()
    presets: Sequence[str] = ()

    def variants(self, settings: Settings, urls: VariantUrls) -> list[Wanted]:
        """The variants, without duplicates.

        Every one of them can be requested: by an unsigned URL, or, if URLs can be signed, by a signed one. Raises
        `ConfigurationError`, which names the option of the command.
        """
        self._check_formats()
        found = [
            wanted
            for name, options in (*self._sized(), *self._named(settings))
            for format in self.formats
            for wanted in _in_formats(self._wanted(urls, f"{name}.{format}", options), settings)
        ]
        return list(dict.fromkeys(found))

    def task(self, settings: Settings, prefix: str) -> dict[str, Any]:
        """What a checkpoint belongs to; a preset that has changed makes another task. Raises `ConfigurationError`."""
        task: dict[str, Any] = {"sizes": [*self.sizes], "formats": [*self.formats], "prefix": prefix}
        if self.options:
            task["options"] = [*self.options]
        if self.presets:
            task["presets"] = {name: settings.presets[name] for name in self._preset_names(settings)}
        if AUTO in map(str.lower, self.formats):
            task["auto"] = [*settings.auto_formats]
        return task

    def _check_formats(self) -> None:
        for extension in self.formats:
            try:
                output_format(extension)
            except UnsupportedFormat as error:
                raise ConfigurationError(f"--formats: {error}") from None

    def _sized(self) -> Iterator[tuple[str, Pairs]]:
        combinations = [_pairs(text) for text in self.options] or [()]
        for size in self.sizes:
            if not _SIZE.fullmatch(size):
                raise ConfigurationError(
                    f"--sizes: must be sizes such as 800x600, 800x or x600, got '{size[:_MAX_SHOWN]}'"
                )
            for options in combinations:
                yield f"-{size}", options

    def _named(self, settings: Settings) -> Iterator[tuple[str, Pairs]]:
        for name in self._preset_names(settings):
            yield f"@{name}", ()

    def _preset_names(self, settings: Settings) -> list[str]:
        if ALL_PRESETS in self.presets:
            return sorted(settings.presets)
        for name in self.presets:
            if name not in settings.presets:
                known = ", ".join(sorted(settings.presets)) or "none"
                raise ConfigurationError(f"--presets: there is no preset '{name[:_MAX_SHOWN]}'; presets: {known}")
        return [*self.presets]

    def _wanted(self, urls: VariantUrls, name: str, options: Pairs) -> Wanted:
        query = "&".join(f"{option}={quote(value)}" for option, value in options)
        try:
            requested = urls.parse(_ID + name, query, signed=urls.policy.signatures)
        except (InvalidName, InvalidOption, UnsupportedFormat, SizeNotAllowed, OptionNotAllowed) as error:
            shown = ",".join(f"{option}={value}" for option, value in options)
            raise ConfigurationError(f"{name.lstrip('-')}{f' with {shown}' if shown else ''}: {error}") from None
        try:
            urls.policy.check(requested)
        except (SizeNotAllowed, OptionNotAllowed):
            return Wanted(requested.variant, signed_only=True)
        return Wanted(requested.variant)


def _in_formats(wanted: Wanted, settings: Settings) -> list[Wanted]:
    """The variant for clients that take each of the formats of `auto` alone, and for those that take none.

    Which format these get depends on the original.
    """
    if wanted.variant.format != AUTO:
        return [wanted]
    types = [formats.FORMATS[name].content_type for name in settings.auto_formats]
    return [replace(wanted, accept=accept) for accept in (*types, "")]


def _pairs(text: str) -> Pairs:
    """The names and values in `fit=inside,q=70`. Raises `ConfigurationError`."""
    pairs = tuple(
        (name.strip(), value.strip()) for name, _, value in (item.partition("=") for item in split_options(text))
    )
    if not pairs:
        raise ConfigurationError(f"--options: must be options such as fit=inside,q=70, got '{text[:_MAX_SHOWN]}'")
    try:
        parse_options(pairs)
    except InvalidOption as error:
        raise ConfigurationError(f"--options: {error}") from None
    return pairs
