"""Signs one URL: `pymager sign`."""

from pymager.errors import ConfigurationError
from pymager.settings import translation
from pymager.settings.model import Settings


def sign(settings: Settings, url: str, seconds: int | None = None) -> str:
    """The URL with a signature, valid for this number of seconds or for ever.

    Raises `ConfigurationError`, and what `UrlSigner.sign` raises.
    """
    if not settings.signing_keys:
        raise ConfigurationError(
            "PYMAGER_SIGNING_KEYS: must have a key to sign with; make one with: openssl rand -hex 32"
        )
    if settings.signatures == "off":
        raise ConfigurationError("PYMAGER_SIGNATURES: must not be off: a server would refuse the URL")
    return translation.url_signer(settings).sign(url, seconds)[0]
