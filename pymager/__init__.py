"""Stores original pictures and serves resized variants over HTTP, as the origin behind a CDN.

Each package in it is one part of the system. docs/explanation/architecture.md has a picture of them, and a table of
behaviors.
"""

__version__ = "0.1.0"
