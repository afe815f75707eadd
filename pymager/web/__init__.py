"""The HTTP interface of the library, on aiohttp."""
