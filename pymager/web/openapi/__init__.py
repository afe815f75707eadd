"""`/openapi.json`: the HTTP contract for tools. `schemas` has the shared pieces, `document` the paths."""
