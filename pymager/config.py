"""The settings: from the environment (`PYMAGER_...`), then a TOML file, then the defaults.

A setting that is unknown or can't be right stops the start, and the message names it and where it came from.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationError, field_validator

from pymager import formats
from pymager.errors import ConfigurationError

PREFIX = "PYMAGER_"
CONFIG_FILE = "PYMAGER_CONFIG"
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_YEAR = 365 * 86_400
_ACCEPTED = "jpeg,png,gif,webp,avif,heic,tiff,bmp,ico,ppm,tga,jp2,pcx,sgi"


def _words(value: object) -> object:
    """A list may be written as one string, with commas or spaces between."""
    return [word for word in re.split(r"[\s,]+", value) if word] if isinstance(value, str) else value


def _pairs(value: object) -> object:
    """A mapping may be written as one string: `name:secret name:secret`."""
    if not isinstance(value, str):
        return value
    pairs = [word.partition(":") for word in value.split()]
    if any(not name or not secret for name, _, secret in pairs):
        raise ValueError("is written as name:secret, several with spaces between")
    return {name: secret for name, _, secret in pairs}


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
Seconds = Annotated[float, Field(gt=0, le=_YEAR)]


class Settings(BaseModel):
    """Everything that can be set. Sizes are in bytes and may be written as 100MB or 64MiB, times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    processes: int = Field(1, ge=1, le=256, description="Server processes that share the port.")
    public_url: str = Field(
        "",
        description="Base URL that clients see, with a path prefix if there is one, as in "
        "`https://img.example.org/pictures`: used in `Location` and `Link`. Empty: relative URLs.",
    )
    data: Path = Field(Path("pymager-data"), description="Folder of the embedded backends.")
    blobs: str = Field("", description="URL of the blob store. Empty: `file:` on the folder `data`.")
    metadata: str = Field("", description="URL of the metadata store. Empty: `sqlite:` in the folder `data`.")
    spool: Path | None = Field(
        None,
        description="Folder for bodies while they come in. Empty: the system's folder for temporary files.",
    )

    read_only: bool = Field(
        False,
        description="Refuse uploads and deletes with 503, and do not sweep; pictures are served and derived as ever.",
    )

    users: Pairs = Field(
        default_factory=dict,
        description="Users who may write and list: name and argon2 hash, as `pymager hash-password` prints it. "
        "In the environment `name:hash`, several with spaces between.",
        json_schema_extra={"secret": True},
    )
    tokens: Pairs = Field(
        default_factory=dict,
        description="Bearer tokens that may write and list: name and SHA-256 of the token in hexadecimal. "
        "In the environment `name:hash`, several with spaces between.",
        json_schema_extra={"secret": True},
    )

    sizes: Words = Field(
        ("100x100", "800x600"),
        description="Allowed sizes of derived pictures; `*` allows any up to `max_side`.",
    )
    max_side: int = Field(
        4096,
        ge=1,
        le=65_535,
        description="Longest side of a derived picture in pixels, where `sizes` is `*`.",
    )
    accept: Words = Field(
        tuple(_ACCEPTED.split(",")),
        description="Formats accepted as originals; other formats by Pillow's names, `*` for all that Pillow reads "
        "without running a program.",
        validate_default=True,
    )
    background: str = Field("#ffffff", description="Colour under transparency where the output has none.")
    jpeg_quality: int = Field(80, ge=1, le=95, description="Quality of derived JPEG pictures.")
    webp_quality: int = Field(78, ge=1, le=100, description="Quality of derived WebP pictures.")
    webp_method: int = Field(2, ge=0, le=6, description="Effort of WebP encoding: 0 is fast, 6 is small.")
    avif_quality: int = Field(60, ge=1, le=100, description="Quality of derived AVIF pictures.")
    avif_speed: int = Field(8, ge=0, le=10, description="Speed of AVIF encoding: 0 is small, 10 is fast.")
    jp2_quality: int = Field(40, ge=1, le=100, description="Quality of derived JPEG 2000 pictures, in decibels.")

    max_body: ByteSize = Field(ByteSize(100_000_000), ge=1, description="Largest upload.")
    max_pixels: int = Field(100_000_000, ge=1, description="Most pixels of an original, width times height.")
    max_frames: int = Field(1_000, ge=1, description="Most frames of an animated original.")
    max_scans: int = Field(100, ge=1, description="Most scans of a progressive JPEG.")
    max_connections: int = Field(4_096, ge=1, description="Most open connections of one process.")
    header_timeout: Seconds = Field(10.0, description="Time for a request's head to come in whole.")
    stall_timeout: Seconds = Field(
        10.0,
        description="Time in which a body, in either direction, has to move on by `min_rate` times itself.",
    )
    min_rate: int = Field(1_000, ge=1, description="Bytes a second below which a body counts as stalled.")
    keepalive_timeout: Seconds = Field(75.0, description="Time that an idle connection is kept.")
    drain_delay: float = Field(
        0.0,
        ge=0,
        le=3_600,
        description="Time between SIGTERM and the end of listening, in which `/readyz` is 503 and everything is still "
        "served: as long as a load balancer takes to notice. SIGINT ends it.",
    )
    shutdown_timeout: Seconds = Field(
        20.0, description="Time that running requests get after SIGTERM and `drain_delay`."
    )
    trusted_proxies: Words = Field(
        (),
        description="Networks of proxies whose word on the client's address is taken, as `10.0.0.0/8`: for the log "
        "and for fairness among clients.",
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for",
        description="The header in which those proxies write the address; they have to add to it or replace it.",
    )

    workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        le=1_024,
        description="Worker processes of one server process. Default: one per core.",
    )
    queue: int = Field(
        64,
        ge=0,
        description="Most renders that wait for a worker, and a quarter more of clients who have none waiting; as many "
        "uploads.",
    )
    worker_memory: ByteSize = Field(
        ByteSize(1 << 30), ge=64 << 20, description="Address space of a worker; 100 megapixels need 780 MB."
    )
    worker_seconds: Seconds = Field(30.0, description="Longest that one picture may take in a worker.")
    worker_jobs: int = Field(200, ge=1, description="Jobs after which a worker is replaced.")

    memory_cache: ByteSize = Field(
        ByteSize(64 << 20), ge=0, description="Derived pictures kept in memory by one process; 0 keeps none."
    )
    cache_control: str = Field(
        "public, max-age=300",
        min_length=1,
        description="`Cache-Control` of pictures: how late a CDN learns of a delete.",
    )
    cors_origin: str = Field("*", description="`Access-Control-Allow-Origin` for reads; empty sends none.")

    sweep_interval: float = Field(
        3_600.0, ge=0, le=_YEAR, description="Time between sweeps while serving; 0 never sweeps."
    )
    sweep_grace: float = Field(3_600.0, ge=0, le=_YEAR, description="Age below which the sweep leaves a blob alone.")
    recipe_days: float = Field(
        7.0,
        ge=0,
        le=36_500,
        description="Days for which derived pictures of a recipe that is not current any more are kept.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: for people on a terminal, JSON otherwise."
    )

    metrics_port: int = Field(
        0, ge=0, le=65_535, description="Port of `/metrics`, for Prometheus; 0 is off. It has no credentials."
    )
    metrics_host: str = Field("", description="Address to serve `/metrics` on. Empty: as `host`.")
    otel: bool = Field(
        False,
        description="Send traces by OpenTelemetry, as its own `OTEL_...` variables say; needs `pymager[otel]`.",
    )
    server_timing: bool = Field(
        False,
        description="Tell with derived pictures, in `Server-Timing`, where they came from and what took how long.",
    )

    @field_validator("spool", mode="before")
    @classmethod
    def _check_spool(cls, folder: object) -> object:
        return folder or None

    @field_validator("sizes")
    @classmethod
    def _check_sizes(cls, sizes: tuple[str, ...]) -> tuple[str, ...]:
        if not sizes:
            raise ValueError("names at least one size, as 800x600, or * for any")
        for size in sizes:
            if size != "*" and not _SIZE.fullmatch(size):
                raise ValueError(f"'{size}' is not a size; write 800x600, or * for any")
        return sizes

    @field_validator("accept")
    @classmethod
    def _check_accept(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("names at least one format, as jpeg, or * for all")
        for name in names:
            if name != "*" and name.lower() not in formats.FORMATS and name.upper() not in formats.OTHER_DECODERS:
                known = ", ".join([*formats.FORMATS, *map(str.lower, sorted(formats.OTHER_DECODERS))])
                raise ValueError(f"there is no format '{name}'; there are: {known}, and * for all")
        return names

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"'{network}' is not a network; write 10.0.0.0/8 or 2001:db8::/32: {error}") from None
        return networks

    @field_validator("data")
    @classmethod
    def _check_data(cls, folder: Path) -> Path:
        if set("?#") & set(str(folder)):
            raise ValueError("is a folder whose path has no '?' and no '#'")
        return folder

    @field_validator("background")
    @classmethod
    def _check_background(cls, colour: str) -> str:
        if not _COLOUR.fullmatch(colour):
            raise ValueError("is a colour written as #rrggbb")
        return colour

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise ValueError("is an absolute http or https URL without a query")
        return url.rstrip("/")

    @field_validator("blobs", "metadata")
    @classmethod
    def _check_store(cls, url: str) -> str:
        if url and not urlsplit(url).scheme:
            raise ValueError("is a URL, as in file:///var/lib/pymager")
        return url

    @field_validator("users")
    @classmethod
    def _check_users(cls, users: dict[str, str]) -> dict[str, str]:
        for name, hash in users.items():
            try:
                extract_parameters(hash)
            except InvalidHashError:
                raise ValueError(f"user '{name}' needs an argon2 hash; make one with: pymager hash-password") from None
            if not name or ":" in name:
                raise ValueError(f"'{name}' can't be a user's name")
        return users

    @field_validator("tokens")
    @classmethod
    def _check_tokens(cls, tokens: dict[str, str]) -> dict[str, str]:
        for name, hash in tokens.items():
            if not re.fullmatch(r"[0-9a-f]{64}", hash):
                raise ValueError(f"token '{name}' needs the SHA-256 of the token, 64 hexadecimal digits in lower case")
        return tokens

    @field_validator("cache_control", "cors_origin", "host", "metrics_host", "public_url")
    @classmethod
    def _check_header(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("holds a control character")
        return value

    @property
    def blobs_url(self) -> str:
        """The URL of the blob store that is in force."""
        return self.blobs or f"file://{quote(str(self.data.absolute()))}"

    @property
    def metadata_url(self) -> str:
        """The URL of the metadata store that is in force."""
        return self.metadata or f"sqlite:///{self.data.absolute()}/catalog.db"

    @property
    def decoders(self) -> tuple[str, ...]:
        """Pillow's names for what is accepted."""
        if "*" in self.accept:
            return ("*",)
        known = [formats.FORMATS.get(name.lower()) for name in self.accept]
        names = [
            decoder
            for name, format in zip(self.accept, known, strict=True)
            for decoder in (format.decoders if format else (name.upper(),))
        ]
        return tuple(dict.fromkeys(names))

    @property
    def folder(self) -> Path | None:
        """The folder of a `file:` blob store, for what is kept beside its blobs; None with any other store."""
        parts = urlsplit(self.blobs_url)
        return Path(unquote(parts.path)).absolute() if parts.scheme == "file" else None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each came from: `option`, a variable's name, a file's path or `default`."""

    settings: Settings
    sources: dict[str, str]


def load(options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings; `options` (from the command line) go before the environment and the file.

    Raises `ConfigurationError` with one line per wrong setting.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = dict.fromkeys(Settings.model_fields, "default")
    for source, found in (
        *_from_file((options or {}).get("config") or environ.get(CONFIG_FILE)),
        *_from_environment(environ),
        *[
            ("option", {name: value})
            for name, value in (options or {}).items()
            if name != "config" and value is not None
        ],
    ):
        values.update(found)
        sources.update(dict.fromkeys(found, source))
    try:
        return Loaded(Settings(**values), sources)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_sentences(error, sources))) from None


def shown(settings: Settings, name: str) -> str:
    """A setting's value for people, without its secrets."""
    value = getattr(settings, name)
    if (Settings.model_fields[name].json_schema_extra or {}).get("secret"):  # type: ignore[union-attr]
        return ", ".join(f"{key}:***" for key in value) or "(none)"
    if name in ("blobs", "metadata"):
        return without_password(getattr(settings, f"{name}_url"))
    return ",".join(value) if isinstance(value, tuple) else str(value)


def without_password(url: str) -> str:
    """A URL that can be logged: user and host stay, a password and the query's secrets go.

    A password is also found where what should be encoded in it is not.
    """
    url = re.sub(r"(?<=://)([^/@:?]*):(?:[^?]*|[^@]*)@", r"\1:***@", url)
    return re.sub(r"((?:secret|pass|pwd|token|key|signature)[^=&]*=)[^&]*", r"\1***", url, flags=re.IGNORECASE)


def _from_file(path: str | None) -> list[tuple[str, dict[str, Any]]]:
    if not path:
        return []
    try:
        return [(path, tomllib.loads(Path(path).read_text("utf-8")))]
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_FILE}: can't read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{CONFIG_FILE}: {path} is not TOML: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (variable, {variable.removeprefix(PREFIX).lower(): value})
        for variable, value in environ.items()
        if variable.startswith(PREFIX) and variable != CONFIG_FILE
    ]


def _sentences(error: ValidationError, sources: dict[str, str]) -> list[str]:
    sentences = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(problem["loc"][0])
        source = sources.get(name, name)
        shown_name = source if source.startswith(PREFIX) else f"{name} ({source})"
        if problem["type"] == "extra_forbidden":
            sentences.append(f"{shown_name}: there is no such setting; `pymager config` lists them")
        else:
            sentences.append(f"{shown_name}: {problem['msg'].removeprefix('Value error, ')}")
    return sentences
