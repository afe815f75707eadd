"""Stores original pictures and serves resized variants over HTTP, as the origin behind a CDN.

Each package is one part of the system; modules beside the packages are shared by several of them.
docs/explanation/architecture.md has a picture of the parts, and a table of behaviors.
"""

__version__ = "0.1.0"
