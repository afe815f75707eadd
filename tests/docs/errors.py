"""The page about errors, made of the table from error to status, and what to do about each status."""

import inspect
from collections.abc import Mapping
from http import HTTPStatus

from pymager.web.failures import STATUS_BY_ERROR

_HEAD = """# Errors

Reference, for developers whose programs call pymager: every status of an error, its reasons, and what to do. This page
is generated from the table in `pymager/web/failures.py`: `make docs`.

An error is a problem document (`application/problem+json`, RFC 9457), and no cache may keep it:

```json
{
  "type": "about:blank",
  "title": "Not Found",
  "status": 404,
  "detail": "There is no original 'cat'; upload it with POST /original/cat.",
  "request_id": "b40787e90900000001"
}
```

`type` is always `about:blank`: the status says what kind of problem it is. `detail` is a sentence for people and can
change in any version. `request_id` is also in the header `X-Request-ID` and in the server's log.

429 and 503 have `Retry-After` in seconds. After a 503, you can repeat a GET, HEAD, PUT or DELETE, even if the outcome
of the first request is unknown. A POST with an id can be repeated too: if the first one took effect, the second one
gets 409. Before you repeat `POST /original`, which generates the id, look for the picture in the listing.

"""
_WHAT_TO_DO: Mapping[int, str] = {
    400: "Correct the request; `detail` names what is wrong. The same request always fails.",
    401: "Send credentials: `Authorization: Basic` or `Bearer`.",
    403: "Ask for a size and options that the server allows, or [sign the URL](../how-to/sign-urls.md), again if its "
    "signature has expired. If no credentials are configured, set `PYMAGER_USERS` or `PYMAGER_TOKENS`.",
    404: "Check the URL. After a DELETE, 404 is what you want.",
    405: "Use one of the methods in `Allow`.",
    408: "Send the body faster than `PYMAGER_MIN_RATE`, without long pauses.",
    409: "Use `PUT` to replace the original. If it is the watermark that does not exist, upload it. To sign URLs, set "
    "`PYMAGER_SIGNING_KEYS`.",
    412: "Read the original again, and use its new `ETag`.",
    413: "Send a smaller file, or raise `PYMAGER_MAX_BODY`.",
    415: "Send the file as it is, without `Content-Encoding`.",
    416: "Ask for a range within the size that `Content-Range` names.",
    422: "Do not repeat the request. `detail` names the limit, and the setting that changes it if there is one.",
    429: "Correct the password. Wait for `Retry-After` seconds before you try another one.",
    500: "This is a bug, or data was lost outside of pymager. Look for `request_id` in the server's log.",
    501: "Send a body with `Content-Length`, or with `Transfer-Encoding: chunked`.",
    503: "Repeat the request after `Retry-After` seconds, with growing pauses. If `detail` says that the outcome is "
    "unknown, `GET /info/{id}` shows whether the request took effect.",
    507: "Tell the operator: a store is full. What is stored can still be read and deleted.",
}
"""For each status what a client does."""
_BY_HTTP: Mapping[int, str] = {
    405: "The URL exists, but does not support the method.",
    500: "Internal error: a bug, or an original whose blob is lost.",
}
"""Errors that are in no table: those of aiohttp, and what nobody foresaw."""

_TITLES: Mapping[int, str] = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
"""Those of RFC 9110, which Python 3.13 has, and older versions not."""


def statuses() -> list[int]:
    """Every status of an error."""
    return sorted({*STATUS_BY_ERROR.values(), *_BY_HTTP})


def errors_page() -> str:
    """The page in Markdown."""
    rows = ["| status | title | what to do |\n|---|---|---|\n"]
    rows += [f"| [{each}](#{anchor(each)}) | {_title(each)} | {_WHAT_TO_DO[each]} |\n" for each in statuses()]
    return _HEAD + "".join(rows) + "".join(map(_section, statuses()))


def _section(status: int) -> str:
    lines = [_BY_HTTP[status]] if status in _BY_HTTP else []
    lines += [_reason(error) for error, its_status in STATUS_BY_ERROR.items() if its_status == status]
    return f"\n## {status} {_title(status)}\n\n" + "".join(f"- {line}\n" for line in lines)


def _reason(error: type[BaseException]) -> str:
    """The first paragraph of an error's docstring."""
    return " ".join((inspect.getdoc(error) or "").split("\n\n")[0].split())


def _title(status: int) -> str:
    return _TITLES.get(status, HTTPStatus(status).phrase)


def anchor(status: int) -> str:
    """The anchor of the section of a status."""
    return f"{status}-{_title(status).lower().replace(' ', '-')}"
