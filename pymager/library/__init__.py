"""Originals and their variants over the two stores: uploads, deletes, and each variant rendered once.

Knows no HTTP and no settings; `library.Library` is its front."""
