"""A list as a source: CSV with a header, or a JSON object a line. Fields are `source` and, if you like, `id`."""

import asyncio
import csv
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pymager import names, registry
from pymager.errors import ConfigurationError, ImportRefused, InvalidName, Unavailable
from pymager.operations.id_list import read_lines
from pymager.operations.importing.candidates import Candidate, Refused, printable
from pymager.operations.importing.files import LocalFile
from pymager.operations.importing.trees import TreeEntry, Trees
from pymager.operations.importing.web import Web, WebPicture

_OPTION = "--list"
_BOM = "\ufeff"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list: the text that names the source, and the id if it is given."""

    source: str
    id: str | None


class ListSource:
    """The sources that the lines of a file name; `-` is standard input. Relative paths begin at the list's folder."""

    def __init__(self, file: str, web: Web, trees: Trees) -> None:
        self._file = file
        self._folder = Path.cwd() if file == "-" else Path(file).absolute().parent
        self._web = web
        self._trees = trees

    async def candidates(self) -> AsyncGenerator[Candidate, None]:
        """One candidate for each line that is not empty. Raises `ConfigurationError` for a wrong header."""
        number = 0
        columns: list[str] | None = None
        is_json = False
        async for text in self._lines():
            number += 1
            line = text.removeprefix(_BOM) if number == 1 else text
            if not line.strip():
                continue
            if columns is None and not is_json and line.lstrip().startswith("{"):
                is_json = True
            elif columns is None and not is_json:
                columns = self._header(line)
                continue
            try:
                entry = _from_json(line) if is_json else _from_csv(line, columns or [])
                yield await self._candidate(entry)
            except (ImportRefused, InvalidName, Unavailable) as error:
                yield Refused(f"{self._file}:{number}", str(error))

    async def count(self) -> int | None:
        """The number of lines, None for standard input."""
        path = Path(self._file)
        if self._file == "-" or not path.is_file():
            return None
        return await asyncio.to_thread(_line_count, path)

    def _lines(self) -> AsyncIterator[str]:
        return read_lines(self._file, _OPTION, "source")

    def _header(self, line: str) -> list[str]:
        columns = [column.strip().lower() for column in _row(line)]
        if "source" not in columns:
            raise ConfigurationError(
                f"{_OPTION}: {self._file} must begin with a header that names the column source and optionally id, or "
                f"each line must be a JSON object. It begins with '{printable(line[:60])}'"
            )
        return columns

    async def _candidate(self, entry: Entry) -> Candidate:
        given = None if entry.id is None else names.parse_id(entry.id)
        scheme = _SCHEME.match(entry.source)
        match "" if scheme is None else scheme[1].lower():
            case "":
                return LocalFile(self._folder / entry.source, entry.source, given)
            case "http" | "https":
                return WebPicture(self._web, entry.source, given)
            case "file":
                path = unquote(urlsplit(entry.source).path)
                return LocalFile(Path(path), path, given)
            case _ if registry.has_tree(entry.source):
                return await self._in_tree(entry.source, given)
            case unknown:
                raise ImportRefused(
                    f"unknown scheme '{printable(unknown)}:'; a source must be a path, or a URL such as http:, https:, "
                    "file: or s3:"
                )

    async def _in_tree(self, source: str, given: str | None) -> Candidate:
        place, _, parameters = source.partition("?")
        scheme, _, rest = place.partition("://")
        root, _, name = rest.partition("/")
        if not name:
            raise ImportRefused("must name an object, such as s3://BUCKET/cat.jpg")
        url = f"{scheme}://{root}" + (f"?{parameters}" if parameters else "")
        return TreeEntry(await self._trees.get(url), f"{scheme}://{root}", unquote(name), None, given)


def _line_count(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0


def _row(line: str) -> list[str]:
    """The fields of a line (RFC 4180, without line ends in fields). Raises `ImportRefused`."""
    try:
        [row] = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        raise ImportRefused("must be a line of CSV; a field cannot contain a line end") from None
    return row


def _from_csv(line: str, columns: list[str]) -> Entry:
    row = _row(line)
    if len(row) > len(columns):
        raise ImportRefused(f"has {len(row)} fields, and the header has {len(columns)}")
    fields = dict(zip(columns, row, strict=False))
    return _entry(fields.get("source", ""), fields.get("id") or None)


def _from_json(line: str) -> Entry:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ImportRefused("must be a JSON object") from None
    if not isinstance(fields, dict):
        raise ImportRefused("must be a JSON object")
    return _entry(fields.get("source"), fields.get("id"))


def _entry(source: object, id: object) -> Entry:
    if not isinstance(source, str) or not source or "\0" in source:
        raise ImportRefused("has no source")
    if id is not None and not isinstance(id, str):
        raise ImportRefused("has an id that is not a string")
    return Entry(source, id)
