"""Fastly: "Purge multiple surrogate key tags" (https://www.fastly.com/documentation/reference/api/purging/).

A service is purged of up to 256 surrogate keys by one request. The token needs the scope `purge_select`.
"""

from collections.abc import Sequence

import orjson

from pymager.ports import PurgeTarget
from pymager_purgers.http import ApiClient, HttpPurger, failure
from pymager_purgers.options import split_id


class Fastly(HttpPurger):
    """`fastly:SERVICE?token-file=/run/secrets/fastly`, or `token=`."""

    max_batch = 256
    tag_header: str | None = "surrogate-key"

    def __init__(self, url: str) -> None:
        service, options = split_id(url, "fastly:SERVICE?token-file=PATH", ("token", "token-file", "api", "timeout"))
        token = options.secret("token")
        assert token is not None
        self._headers = {"Fastly-Key": token, "Content-Type": "application/json", "Accept": "application/json"}
        self._url = f"{options.origin('api', 'https://api.fastly.com')}/service/{service}/purge"
        self._client = ApiClient(options.timeout)
        self.name = f"fastly:{service}"

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        """One request."""
        body = orjson.dumps({"surrogate_keys": [target.tag for target in targets]})
        response = await self._client.call("POST", self._url, self._headers, body)
        if response.status != 200:
            raise failure(response)
