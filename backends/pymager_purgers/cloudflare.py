"""Cloudflare: "Purge cache by cache-tags" (https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/).

`POST /zones/{zone}/purge_cache` with up to 100 tags (limits:
https://developers.cloudflare.com/cache/how-to/purge-cache/). The token needs the permission `Cache Purge`. There is no
fallback to a purge by URL: that needs every URL, with all options of variants and in all spellings, and pymager does
not know which of them a cache has.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from pymager.ports import PurgeTarget
from pymager_purgers.http import ApiClient, ApiResponse, HttpPurger, failure
from pymager_purgers.options import split_id


class Cloudflare(HttpPurger):
    """`cloudflare:ZONE?token-file=/run/secrets/cloudflare`, or `token=`."""

    max_batch = 100
    tag_header: str | None = "cache-tag"

    def __init__(self, url: str) -> None:
        zone, options = split_id(url, "cloudflare:ZONE?token-file=PATH", ("token", "token-file", "api", "timeout"))
        self._headers = {"Authorization": f"Bearer {options.secret('token')}", "Content-Type": "application/json"}
        self._url = f"{options.origin('api', 'https://api.cloudflare.com/client/v4')}/zones/{zone}/purge_cache"
        self._client = ApiClient(options.timeout)
        self.name = f"cloudflare:{zone}"

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        """One request, whose response says `"success": true`."""
        body = orjson.dumps({"tags": [target.tag for target in targets]})
        response = await self._client.call("POST", self._url, self._headers, body)
        content = _parsed(response)
        if response.status != 200 or content.get("success") is not True:
            raise failure(response, _reason(content))


def _parsed(response: ApiResponse) -> dict[str, Any]:
    try:
        content = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _reason(content: dict[str, Any]) -> str:
    """The code and the message of the first error."""
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return f"{first.get('code')}: {first.get('message')}" if isinstance(first, dict) else ""
