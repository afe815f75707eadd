"""The page about requests, made of the OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from pymager.web.openapi.document import document
from tests.docs.errors import anchor

_HEAD = """# REST API

Reference, for developers whose programs call pymager: every request with its parameters, headers and responses. This
page is generated from the document that the server sends for `GET /openapi.json`: `make docs`. [The HTTP API](http.md)
is shorter, and explains more.

Credentials are `Authorization: Basic` with a name and a password, or `Bearer` with a token. All requests that take GET
also take HEAD, and then send the same headers without a body. Every response has `X-Request-ID`.

"""
_IN_EVERY_RESPONSE = ("X-Request-ID",)

Json = Mapping[str, Any]


def rest_page() -> str:
    """The page in Markdown."""
    description = document()
    parts = [_HEAD]
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if method not in ("parameters", "head"):
                parts += _operation(method.upper(), path, [*item.get("parameters", ()), *_own(operation)], operation)
    parts.append("## Fields\n")
    for name, schema in description["components"]["schemas"].items():
        parts += _schema(name, schema)
    return "".join(parts)


def _own(operation: Json) -> list[Json]:
    found: list[Json] = operation.get("parameters", [])
    return found


def _operation(method: str, path: str, parameters: list[Json], operation: Json) -> Iterator[str]:
    yield f"## {method} {path}\n\n{_credentials(operation, parameters)}\n\n"
    if "description" in operation:
        yield f"{operation['description']}\n\n"
    if parameters:
        yield "| parameter | in | description |\n|---|---|---|\n"
        for each in parameters:
            yield f"| `{each['name']}` | {each['in']} | {_cell(_described(each))} |\n"
        yield "\n"
    if "requestBody" in operation:
        for media_type, content in operation["requestBody"]["content"].items():
            yield f"The body is `{media_type}`.\n{content['schema'].get('description', '')}".rstrip() + "\n\n"
    yield "| status | meaning | body | headers |\n|---|---|---|---|\n"
    for status, response in operation["responses"].items():
        yield _response(status, response)
    yield "\n"


def _credentials(operation: Json, parameters: list[Json]) -> str:
    security = operation.get("security", [{}])
    can_be_signed = any(each["name"] == "sig" for each in parameters)
    if {} in security and not can_be_signed:
        return "Needs no credentials."
    if {} in security:
        return (
            "Needs no credentials, unless `PYMAGER_SIGNATURES=required`: then it needs a "
            "[signed URL](signing.md) or credentials."
        )
    return "Needs credentials."


def _described(parameter: Json) -> str:
    schema = parameter["schema"]
    sentences = [parameter["description"]] if "description" in parameter else []
    if parameter["name"].startswith("If-"):
        sentences.append("Makes the request conditional (RFC 9110 section 13).")
    if parameter["name"] == "Range":
        sentences.append("The range of bytes to send (RFC 9110 section 14).")
    if "maximum" in schema:
        sentences.append(f"From {schema['minimum']} to {schema['maximum']}, by default {schema['default']}.")
    return " ".join(sentences)


def _response(status: str, response: Json) -> str:
    if int(status) >= 400 and "application/problem+json" in response.get("content", {}):
        status, body = f"[{status}](errors.md#{anchor(int(status))})", "[Problem](#problem)"
    else:
        body = ", ".join(_body(media_type, content) for media_type, content in response.get("content", {}).items())
    headers = ", ".join(f"`{name}`" for name in response.get("headers", {}) if name not in _IN_EVERY_RESPONSE)
    return f"| {status} | {_cell(response['description'])} | {body} | {headers} |\n"


def _body(media_type: str, content: Json) -> str:
    reference = content.get("schema", {}).get("$ref")
    if reference is None:
        return f"`{media_type}`"
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f"\n### {name}\n\n| field | type | description |\n|---|---|---|\n"
    for field, described in schema["properties"].items():
        optional = "" if field in schema.get("required", ()) else "Optional. "
        yield f"| `{field}` | {_type(described)} | {_cell(optional + described.get('description', ''))} |\n"


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"always `{str(schema['const']).lower()}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip()
