"""The calls of the API: the request of each, and how its response is read. Shared by both clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlencode

from pymager_client.deadlines import Deadline
from pymager_client.errors import (
    Conflict,
    InvalidArgument,
    NotFound,
    PreconditionFailed,
    PymagerError,
    UnexpectedResponse,
)
from pymager_client.messages import Request, Response, Upload, problem_of
from pymager_client.models import Original, Page, Replacement, original_of, page_of
from pymager_client.retries import Attempts, Call, Hash, Recovered, Steps
from pymager_client.signing import Signer
from pymager_client.sources import Source
from pymager_client.urls import info_path, original_path

T = TypeVar("T")

_CREATED = 201
_ENTITY_TAG = re.compile(r'(?:W/)?"[!#-~]*"|\*')  # RFC 9110 section 8.8.3, ASCII only
_BARE_TAG = re.compile(r"[0-9a-f]{64}")


class Calls:
    """Makes the steps of each call. `credentials` is the header with the credentials, if there are any.

    What is read is signed by `signer` if there are no credentials, and a variant in any case: the server then allows
    every size and option. A signed request has no credentials, so that caches can keep its response.
    """

    def __init__(self, credentials: Mapping[str, str], signer: Signer | None, attempts: Attempts) -> None:
        self._credentials = credentials
        self._signer = signer
        self._attempts = attempts

    def upload(self, source: Source, id: str | None, deadline: Deadline) -> Steps[Original]:
        """`POST /original` and `POST /original/{id}`."""
        path = "/original" if id is None else original_path(id)
        upload = Upload(source, is_form=True)
        request = Request("POST", path, path, self._credentials, upload, is_idempotent=id is not None)
        if id is None:
            return self._attempts.steps(Call(request, _original), deadline)
        recover = self._recover_stored(id, source, (Conflict,), lambda original: original)
        return self._attempts.steps(Call(request, _original, recover), deadline)

    def replace(
        self, id: str, source: Source, if_match: str | Original | None, only_if_new: bool, deadline: Deadline
    ) -> Steps[Replacement]:
        """`PUT /original/{id}`."""
        if if_match is not None and only_if_new:
            raise InvalidArgument("if_match, only_if_new: exclude each other")
        path = original_path(id)
        headers = {**self._credentials, **_condition(if_match), "Content-Type": "application/octet-stream"}
        if only_if_new:
            headers["If-None-Match"] = "*"
        request = Request("PUT", path, path, headers, Upload(source, is_form=False))
        recover = self._recover_stored(
            id, source, (PreconditionFailed,), lambda original: Replacement(original, only_if_new)
        )
        return self._attempts.steps(Call(request, _replacement, recover), deadline)

    def delete(self, id: str, if_match: str | Original | None, deadline: Deadline) -> Steps[None]:
        """`DELETE /original/{id}`. After a lost answer, a 404 says that the delete has succeeded."""
        path = original_path(id)
        request = Request("DELETE", path, path, {**self._credentials, **_condition(if_match)})
        return self._attempts.steps(Call(request, _nothing, _recover_deleted), deadline)

    def info(self, id: str, deadline: Deadline) -> Steps[Original]:
        """`GET /info/{id}`."""
        return self._attempts.steps(Call(self._read(info_path(id)), _original), deadline)

    def page(self, page_size: int | None, cursor: str | None, deadline: Deadline) -> Steps[Page]:
        """`GET /original`."""
        given = {"limit": page_size, "cursor": cursor}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        path = f"/original?{query}" if query else "/original"
        request = Request("GET", path, path, self._credentials)  # the listing cannot be signed
        return self._attempts.steps(Call(request, lambda response: _parsed(response, page_of)), deadline)

    def download(self, id: str, deadline: Deadline) -> Steps[bytes]:
        """`GET /original/{id}`, as a whole."""
        request = self._read(original_path(id))
        return self._attempts.steps(Call(request, lambda response: response.body), deadline)

    def open(self, id: str, deadline: Deadline) -> Steps[Response]:
        """`GET /original/{id}`, with an open body."""
        request = self._read(original_path(id), keeps_open=True)
        return self._attempts.steps(Call(request, lambda response: response), deadline)

    def variant(self, path: str, deadline: Deadline) -> Steps[bytes]:
        """`GET /derived/...`."""
        request = self._read(path, is_variant=True)
        return self._attempts.steps(Call(request, lambda response: response.body), deadline)

    def _read(self, path: str, *, is_variant: bool = False, keeps_open: bool = False) -> Request:
        if self._signer is not None and (is_variant or not self._credentials):
            return Request("GET", path, self._signer.sign(path), {}, keeps_open=keeps_open)
        return Request("GET", path, path, self._credentials, keeps_open=keeps_open)

    def _recover_stored(
        self, id: str, source: Source, errors: tuple[type[PymagerError], ...], result: Callable[[Original], T]
    ) -> Callable[[PymagerError, Deadline], Steps[Recovered[T] | None]]:
        """After a lost answer: the id is taken, so perhaps by this very upload. The SHA-256 tells."""

        def recover(error: PymagerError, deadline: Deadline) -> Steps[Recovered[T] | None]:
            if not isinstance(error, errors):
                return None
            digest = yield Hash(source)
            try:
                found = yield from self.info(id, deadline)
            except NotFound:
                return None
            return Recovered(result(found)) if found.sha256 == digest else None

        return recover


def _recover_deleted(error: PymagerError, deadline: Deadline) -> Steps[Recovered[None] | None]:
    yield from ()
    return Recovered(None) if isinstance(error, NotFound) else None


def _condition(if_match: str | Original | None) -> Mapping[str, str]:
    if if_match is None:
        return {}
    tag = if_match.etag if isinstance(if_match, Original) else if_match
    tag = f'"{tag}"' if _BARE_TAG.fullmatch(tag) else tag
    if not _ENTITY_TAG.fullmatch(tag):
        raise InvalidArgument("if_match: must be an Original, a SHA-256, or an ETag")
    return {"If-Match": tag}


def _original(response: Response) -> Original:
    return _parsed(response, original_of)


def _replacement(response: Response) -> Replacement:
    return Replacement(_original(response), response.status == _CREATED)


def _nothing(response: Response) -> None:
    return None


def _parsed(response: Response, parse: Callable[[object], T]) -> T:
    try:
        return parse(response.json())
    except (ValueError, RecursionError):
        raise UnexpectedResponse(problem_of(response)) from None
