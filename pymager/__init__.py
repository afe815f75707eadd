"""Stores original pictures and serves resized variants over HTTP, as the origin behind a CDN."""

__version__ = "0.1.0"
