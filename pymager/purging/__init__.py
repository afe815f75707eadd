"""Deletes that reach caches in front: the tags of an original, and the delivery of the purges in the outbox.

The catalog records a purge together with the delete; `pymager.web.cache_tags` sends the tags.
"""
