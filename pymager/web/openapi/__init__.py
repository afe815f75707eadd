"""`GET /openapi.json`: the HTTP interface as OpenAPI 3.1. `document` has the paths, `schemas` what they share."""
