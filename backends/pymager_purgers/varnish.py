"""Varnish Cache, by its vmod xkey or by bans.

https://www.varnish-cache.org/docs/trunk/users-guide/purging.html describes bans, and the manual page vmod_xkey(3) of
varnish-modules (https://github.com/varnish/varnish-modules) the vmod. The VCL decides about both: that in
examples/varnish answers the requests that are sent here.
"""

import re
from collections.abc import Sequence

from pymager.errors import ConfigurationError
from pymager.ports import PurgeTarget
from pymager_purgers.http import ApiClient, HttpPurger, failure
from pymager_purgers.options import Options

_FORM = "varnish://HOST:PORT?method=xkey"
_ADDRESS = re.compile(r"//(?P<host>[A-Za-z0-9._-]{1,80}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})/?", re.ASCII)
_MAX_BATCH = 100  # 100 tags are 2,900 bytes; by default, Varnish accepts headers of 8 KiB


class Varnish(HttpPurger):
    """`varnish://HOST:PORT`, over HTTP. Each Varnish needs a purger of its own.

    `method=xkey` sends `PURGE` with the tags in the header `xkey`. `method=ban` sends `BAN` with a regular expression
    for the tags in the header `x-ban-tags`. `token=` or `token-file=` is sent as a bearer token, for the VCL to check.
    """

    max_batch = _MAX_BATCH
    tag_header: str | None = "xkey"

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition(":")
        address, _, query = rest.partition("?")
        match = _ADDRESS.fullmatch(address)
        if match is None or not 0 < int(match["port"]) < 1 << 16:
            raise ConfigurationError(f"{scheme}: must be written {_FORM}")
        options = Options.parse(scheme, query, ("method", "token", "token-file", "timeout"))
        self._is_ban = options.choice("method", "xkey", "ban") == "ban"
        token = options.secret("token", is_needed=False)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._origin = f"http://{match['host']}:{match['port']}"
        self._client = ApiClient(options.timeout)
        self.name = f"varnish://{match['host']}:{match['port']}"

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        """One request."""
        tags = [target.tag for target in targets]
        if self._is_ban:
            method, headers = "BAN", {"x-ban-tags": f"({'|'.join(tags)})"}
        else:
            method, headers = "PURGE", {"xkey": " ".join(tags)}
        response = await self._client.call(method, f"{self._origin}/", self._headers | headers)
        if response.status != 200:
            raise failure(response)
