"""The cache backend for memcached."""

from pymager_memcached.cache import MemcachedCache

__all__ = ["MemcachedCache"]
