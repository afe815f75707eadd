"""Named descriptions as one text of a setting: `name:description;name:description`."""


def named_texts(text: str, noun: str, example: str) -> dict[str, str]:
    """The descriptions by name. `noun` and `example` are for messages. Raises `ValueError`."""
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        name, colon, description = (part.strip() for part in item.partition(":"))
        if not colon:
            raise ValueError(f"must be {noun}s such as {example}, got '{item[:60]}'")
        if name in found:
            raise ValueError(f"{noun} {name} is given more than once")
        found[name] = description
    return found
