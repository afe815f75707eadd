"""The tags by which a cache finds all responses about an original, or all of a deployment."""

from hashlib import blake2b

_DIGEST_BYTES = 12
_ORIGINAL_PREFIX = "pmo-"
_DEPLOYMENT_PREFIX = "pmd-"


class Tags:
    """The tags of one deployment: 28 characters of lowercase letters, digits and `-`, which every CDN accepts.

    They stay the same as long as the deployment has its id. Two originals share a tag by chance only: it has 96 bits.
    Lowercase, because some CDNs compare tags without regard to case.
    """

    def __init__(self, deployment_id: str) -> None:
        self._key = blake2b(deployment_id.encode(), digest_size=blake2b.MAX_KEY_SIZE).digest()
        self.deployment = _DEPLOYMENT_PREFIX + blake2b(key=self._key, digest_size=_DIGEST_BYTES).hexdigest()

    def of(self, id: str) -> str:
        """The tag of an original, whether it exists or not."""
        return _ORIGINAL_PREFIX + blake2b(id.encode(), key=self._key, digest_size=_DIGEST_BYTES).hexdigest()
