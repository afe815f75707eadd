"""The HTTP face of the library, on aiohttp."""
