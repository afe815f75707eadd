"""Moves a service to other backends: copies all blobs, or all rows, from one store to another and proves each."""
