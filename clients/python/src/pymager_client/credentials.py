"""Credentials as a header (RFC 7617, RFC 6750)."""

import base64
import re
from collections.abc import Mapping

from pymager_client.errors import InvalidArgument

_TOKEN = re.compile(r"[!-~]+")


def authorization(username: str | None, password: str | None, token: str | None) -> Mapping[str, str]:
    """The header `Authorization`; nothing without credentials. Raises `InvalidArgument`, without the credentials."""
    if token is not None:
        if username is not None or password is not None:
            raise InvalidArgument("token: cannot be combined with username and password")
        if not _TOKEN.fullmatch(token):
            raise InvalidArgument("token: must be printable ASCII characters without spaces")
        return {"Authorization": f"Bearer {token}"}
    if username is None and password is None:
        return {}
    if username is None or password is None:
        raise InvalidArgument("username, password: must be given together")
    if ":" in username:
        raise InvalidArgument("username: must not contain a colon")
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}
