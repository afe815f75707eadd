"""Argon2 hashes of passwords (RFC 9106): made with OWASP's parameters, verified in one thread."""

import base64
import hmac
import secrets

from argon2 import PasswordHasher, extract_parameters, low_level
from argon2.exceptions import HashingError, InvalidHashError

_ARGON2_OK = 0
_OLD_VERSION = 0x10  # of a hash that names none

# OWASP's password storage cheat sheet: 19 MiB, 2 passes, 1 lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """A new hash of a password, with all parameters and a random salt."""
    return _HASHER.hash(password)


def check_hash(hash: str) -> None:
    """Check that a text is an argon2 hash. Raises `ValueError`."""
    try:
        extract_parameters(hash)
        for part in hash.rsplit("$", 2)[-2:]:
            _decoded(part)
    except (InvalidHashError, ValueError):
        raise ValueError("not an argon2 hash") from None


def dummy_hash(like: str) -> str:
    """A hash that no password matches, and that takes as long to verify as `like`. Raises `ValueError`."""
    head, *parts = like.rsplit("$", 2)
    return "$".join([head, *(_encoded(secrets.token_bytes(len(_decoded(part)))) for part in parts)])


def matches(hash: str, password: str) -> bool:
    """Whether the hash is one of this password. False for a hash that argon2 cannot compute.

    Takes the CPU time of one core, also for a hash with several lanes: the number of lanes is a parameter of the hash,
    the number of threads that compute them is not (RFC 9106 section 3.2).
    """
    try:
        salt, tag = (_decoded(part) for part in hash.rsplit("$", 2)[-2:])
        return hmac.compare_digest(tag, _computed(hash, password.encode(), salt, len(tag)))
    except (InvalidHashError, HashingError, OverflowError, ValueError):
        return False


def _encoded(part: bytes) -> str:
    return base64.b64encode(part).decode().rstrip("=")


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), validate=True)


def _computed(hash: str, password: bytes, salt: bytes, length: int) -> bytes:
    """Argon2's tag, computed in the calling thread. Raises `HashingError` and `InvalidHashError`."""
    parameters = extract_parameters(hash)
    ffi = low_level.ffi
    tag, secret, salted = (ffi.new("uint8_t[]", max(1, size)) for size in (length, len(password), len(salt)))
    ffi.memmove(secret, password, len(password))
    ffi.memmove(salted, salt, len(salt))
    context = ffi.new(
        "argon2_context *",
        {
            "out": tag,
            "outlen": length,
            "pwd": secret,
            "pwdlen": len(password),
            "salt": salted,
            "saltlen": len(salt),
            "t_cost": parameters.time_cost,
            "m_cost": parameters.memory_cost,
            "lanes": parameters.parallelism,
            "threads": 1,
            "version": parameters.version if "$v=" in hash else _OLD_VERSION,
            "allocate_cbk": ffi.NULL,
            "free_cbk": ffi.NULL,
            "flags": 0,
        },
    )
    error = low_level.core(context, parameters.type.value)
    if error != _ARGON2_OK:
        raise HashingError(low_level.error_to_str(error))
    return bytes(ffi.buffer(tag, length))
