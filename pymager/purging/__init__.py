"""Deletes that reach caches in front: tags on responses, and the delivery of the purges in the outbox."""
