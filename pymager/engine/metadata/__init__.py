"""The metadata of pictures: the copyright, read from originals and written into variants.

Originals come from strangers, so each reader has limits. The rows of the catalog are no part of this.
"""
