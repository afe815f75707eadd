"""Keeps original pictures and serves resized ones over HTTP, as the origin behind a CDN."""

__version__ = "0.1.0"
