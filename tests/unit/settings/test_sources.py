"""Settings: their sources, their errors, and that secrets are not shown."""

import base64
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pymager import cli, formats
from pymager.errors import ConfigurationError
from pymager.sandbox import confinement
from pymager.settings.model import Settings
from pymager.settings.sources import CONFIG_FILE, PREFIX, load, shown, without_password

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
TOKEN = "0123456789abcdef" * 4


def settings(**environ: str) -> Settings:
    return load({}, {PREFIX + name.upper(): value for name, value in environ.items()}).settings


def toml(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "pymager.toml"
    path.write_text(text, "utf-8")
    return {"config": str(path)}


def test_without_sources_the_settings_have_their_defaults() -> None:
    loaded = load({}, {})
    assert loaded.settings.port == 8000
    assert loaded.settings.workers >= 1
    assert set(loaded.sources) == set(Settings.model_fields)
    assert set(loaded.sources.values()) == {"default"}


def test_options_override_the_environment_the_file_and_the_defaults(tmp_path: Path) -> None:
    options = toml(tmp_path, "port = 1\nhost = 'file'\nqueue_size = 1\n")
    environ = {"PYMAGER_HOST": "environment", "PYMAGER_PORT": "2"}
    loaded = load(options | {"port": 3, "processes": None}, environ)
    values = loaded.settings
    assert (values.port, values.host, values.queue_size, values.processes) == (3, "environment", 1, 1)
    sources = [loaded.sources[name] for name in ("port", "host", "queue_size", "processes")]
    assert sources == ["option", "PYMAGER_HOST", options["config"], "default"]


def test_the_file_is_named_by_option_or_environment_and_the_option_wins(tmp_path: Path) -> None:
    options = toml(tmp_path, "port = 1\n")
    assert load({}, {CONFIG_FILE: options["config"]}).settings.port == 1
    assert load(options, {CONFIG_FILE: "/nowhere"}).settings.port == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = ", "is not valid TOML"),
        ("port = 99999", "port (FILE): must be a whole number from 0 to 65535, got 99999"),
        ("prot = 1", "prot (FILE): no such setting. Did you mean port?"),
        (
            "PYMAGER_PORT = 1",
            "PYMAGER_PORT (FILE): no such setting. Did you mean port? In a file, names are lowercase and have no ",
        ),
        ("[server]\nport = 1", "server (FILE): no such setting"),
        ("sizes = ['8x6', 'large']", "must be sizes such as 800x600, 800x or x600, or * for any size, got 'large'"),
        ("[users]\nada = 'secret'", "the hash of user 'ada' must be an argon2 hash"),
        (f"[users]\n'a:b' = '{HASH}'", "a user's name must not be empty or contain ':', got 'a:b'"),
        (f"[users]\n'' = '{HASH}'", "a user's name must not be empty or contain ':', got ''"),
        ('cache_control = "a\\r\\nb: c"', "must be text without control characters"),
        ('public_url = "https://a/\\u007f"', "must be text without control characters"),
    ],
)
def test_an_error_in_the_file_names_the_file(tmp_path: Path, text: str, said: str) -> None:
    options = toml(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load(options, {})
    assert said.replace("FILE", options["config"]) in str(caught.value)
    assert options["config"] in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationError, match=r"^PYMAGER_CONFIG: cannot read .*/absent\.toml"):
        load({}, {"PYMAGER_CONFIG": absent})
    with pytest.raises(ConfigurationError, match=r"^--config: cannot read .*/absent\.toml"):
        load({"config": absent}, {"PYMAGER_CONFIG": "another"})
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        load({"config": str(tmp_path / "binary")}, {})


BAD: dict[str, list[str]] = {
    "host": ["a\nb"],
    "port": ["-1", "65536", "http", ""],
    "processes": ["0", "257"],
    "public_url": ["example.org", "ftp://a", "https://", "https://a?b", "https://a#b", "http://[", "https://a\nb"],
    "blobs": ["folder", "/var/lib", "s3://["],
    "metadata": ["catalog.db", "postgresql://["],
    "users": [
        "ada",
        "ada:",
        ":x",
        "ada:secret",
        "ada:$argon2id$v=19",
        "ada:$argon2id$v=19$m=8,t=1,p=1$@$a",
        f"ada:{HASH} bob",
    ],
    "tokens": ["ci", "ci:short", f"ci:{TOKEN.upper()}", f"ci:{TOKEN}0"],
    "signing_keys": ["hunter2", "x" * 42, "0" * 62, "0" * 63, "a" * 65, f"{TOKEN},short", "_" * 42, "é" * 43],
    "signatures": ["", "on", "OFF", "optional", "required"],
    "cdn_keys_on_query": ["perhaps"],
    "sizes": ["", "800", "x", "0x600", "0x", "800X600", "123456x1", "-1x1", "８x8"],
    "options": [
        "size",
        "fit=stretch",
        "q",
        "q=101",
        "crop",
        "fit,fit",
        "q=60|x",
        "dpr=5",
        "blur=1e1",
        "watermark=logo",
    ],
    "animated": ["maybe"],
    "presets": [
        "thumb",
        "thumb:",
        "thumb:800",
        "Thumb:80x60",
        ":80x60",
        "a:80x60,fit=stretch",
        "a:80x60,size=1",
        "a:80x60,dpr=2",
        "a:80x60;a:80x60",
        "a:80x60,animated=true,frame=1",
        "a" * 41 + ":80x60",
        "a:80x60,watermark=logo",
    ],
    "watermarks": [
        "logo",
        "logo:",
        "logo:gravity=north",
        "Logo:image=a",
        ":image=a",
        "logo:image=a/b",
        "logo:image=a,size=1",
        "logo:image=a,gravity=smart",
        "logo:image=a,scale=0",
        "logo:image=a,scale=1.1",
        "logo:image=a,opacity=half",
        "logo:image=a,margin=-1",
        "logo:image=a;logo:image=b",
        "a" * 41 + ":image=a",
    ],
    "max_side": ["0", "65536", "x"],
    "input_formats": ["jpg", "jpeg,eps", "pdf", ""],
    "auto_formats": ["jpeg", "png", "gif", "heic", "bmp", "avif,best", "auto", "*", "image/avif"],
    "auto_avif_pixels": ["0", "-1", "2MP", ""],
    "data": ["what?", "a#b"],
    "read_only": ["perhaps"],
    "background": ["white", "#fff", "#gggggg", "#ffffff00"],
    "jpeg_quality": ["0", "96"],
    "jpeg_coding": ["fast", "PROGRESSIVE", "", "true"],
    "jpeg_subsampling": ["4:1:1", "444", ""],
    "webp_quality": ["0", "101"],
    "webp_method": ["-1", "7"],
    "avif_quality": ["0", "101"],
    "avif_speed": ["-1", "11"],
    "avif_subsampling": ["4:0:0", "none"],
    "mezzanine": ["", "0", "255", "8193", "on", "OFF", "2048px", "1e3", "-2048", "٢٠٤٨", "9" * 5_000],
    "keep_metadata": ["all", "COPYRIGHT", ""],
    "jxl_quality": ["0", "101", "best"],
    "jxl_effort": ["0", "10"],
    "jp2_quality": ["0", "101"],
    "max_body": ["0", "-1", "many", "1XB", ""],
    "max_spool": ["-1", "much", "99MB"],
    "max_pixels": ["0", "1.5"],
    "max_frames": ["0"],
    "max_animation_pixels": ["0"],
    "max_animation_source_pixels": ["0"],
    "max_scans": ["0"],
    "max_decode_seconds": ["0", "-1", "nan", "inf", "long"],
    "max_connections": ["0"],
    "max_connections_per_client": ["-1"],
    "header_timeout": ["0", "-1", "nan", "inf", "soon"],
    "stall_timeout": ["0", "nan", "inf"],
    "min_rate": ["0"],
    "keepalive_timeout": ["0", "nan", "inf"],
    "drain_delay": ["-1", "nan", "inf"],
    "shutdown_timeout": ["0", "nan", "inf"],
    "trusted_proxies": ["proxy.example.org", "10.0.0.0/33", "10.0.0.1/8"],
    "forwarded_header": ["via", "X-Real-IP"],
    "workers": ["0", "1025"],
    "queue_size": ["-1"],
    "worker_memory": ["1MB", "x"],
    "worker_timeout": ["0", "nan", "inf"],
    "sandbox": ["on", "", "AUTO", "true"],
    "worker_max_jobs": ["0"],
    "memory_cache": ["-1"],
    "shared_cache": ["memcached", "/cache", "memcached://["],
    "shared_cache_timeout": ["0", "-1", "11", "nan", "inf", "soon"],
    "cache_control": ["", "a\r\nb: c"],
    "cors_origin": ["a\nb"],
    "sweep_interval": ["-1", "nan", "inf"],
    "sweep_grace": ["-1", "nan", "inf"],
    "cache_tags": ["etag", "xkey,etag"],
    "purgers": ["hunter2", "varnish", "fastly:a " * 9],
    "purge_repeat": ["-1", "nan", "86401", "soon"],
    "sweep_max_orphan_percent": ["-1", "100.1", "nan", "many"],
    "old_recipe_days": ["-1", "nan", "inf", "1e9"],
    "log_level": ["INFO", "loud"],
    "log_format": ["xml"],
    "metrics_port": ["-1", "65536", "http", ""],
    "metrics_host": ["a\nb"],
    "otel": ["perhaps"],
    "server_timing": ["perhaps"],
    "ui": ["perhaps", "true", "ON", ""],
}
ANYTHING = {"spool"}


def test_every_setting_is_tested_with_a_bad_value() -> None:
    assert BAD.keys() | ANYTHING == set(Settings.model_fields)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_is_named_by_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**{name: value})
    assert str(caught.value).startswith(f"PYMAGER_{name.upper()}: ")
    assert len(str(caught.value).splitlines()) == 1


SENTENCES = {
    ("background", "white"): "must be a color such as #ffffff, got 'white'",
    ("port", "65536"): "must be a whole number from 0 to 65535, got '65536'",
    ("workers", "many"): "must be a whole number from 1 to 1024, got 'many'",
    ("max_frames", "0"): "must be a whole number of at least 1, got '0'",
    ("drain_delay", "-1"): "must be a number of seconds from 0 to 3600, got '-1'",
    ("header_timeout", "soon"): "must be a number of seconds greater than 0 and at most 31536000, got 'soon'",
    ("sweep_interval", "1h"): "must be a number of seconds from 0 to 31536000, got '1h'",
    ("old_recipe_days", "week"): "must be a number of days from 0 to 36500, got 'week'",
    ("worker_memory", "1MB"): "must be a size of at least 67108864 bytes, such as 100MB or 64MiB, got '1MB'",
    ("mezzanine", "255"): "must be a whole number from 256 to 8192, or off, got '255'",
    ("otel", "perhaps"): "must be true or false, got 'perhaps'",
    ("log_level", "loud"): "must be one of debug, info, warning, error, got 'loud'",
    ("cache_control", ""): "must be text that is not empty, got ''",
    ("host", "a\nb"): "must be text without control characters, got 'a\\nb'",
    ("auto_formats", "webp,jpeg"): "must be formats among webp, avif, jxl, or empty, got 'jpeg'",
    ("sizes", "x" * 99): f"must be sizes such as 800x600, 800x or x600, or * for any size, got '{'x' * 60}...'",
    ("trusted_proxies", "10.0.0.1/8"): "must be networks such as 10.0.0.0/8 or 2001:db8::/32, without host bits, "
    "got '10.0.0.1/8'",
    ("data", "what?"): "must be a folder whose path does not contain '?' or '#', got 'what?'",
    ("public_url", "ftp://a"): "must be an http or https URL without a query, such as https://img.example.org, "
    "got 'ftp://a'",
    ("blobs", "//key:secret@bucket"): "must be a URL such as file:///var/lib/pymager",
    ("shared_cache", "//user:secret@host"): "must be a URL such as memcached://HOST:PORT, or empty",
    ("users", "hunter2"): "must be name:hash pairs separated by spaces",
    ("signing_keys", f"{TOKEN} wxyz"): "must be keys of at least 32 bytes in hexadecimal or base64, separated by "
    "spaces; make one with: openssl rand -hex 32; key 2 has 3 bytes",
    ("signing_keys", "hunter!!"): "must be keys of at least 32 bytes in hexadecimal or base64, separated by spaces; "
    "make one with: openssl rand -hex 32; key 1 is neither",
    ("signatures", "required"): "must be off unless PYMAGER_SIGNING_KEYS has a key, got 'required'",
    ("tokens", "ci:short"): "the hash of token 'ci' must be the token's SHA-256: 64 lowercase hexadecimal digits",
}


@pytest.mark.parametrize(("name", "value"), SENTENCES)
def test_an_error_says_what_the_value_must_be_and_what_it_is(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**{name: value})
    assert str(caught.value) == f"PYMAGER_{name.upper()}: {SENTENCES[name, value]}"


def test_watermarks_can_be_a_table_or_text_and_are_known_to_options_and_presets(tmp_path: Path) -> None:
    text = "logo:image=brand,scale=0.2,opacity=1;draft:image=猫"
    table = "watermarks = {logo = {image = 'brand', scale = 0.2, opacity = 1}, draft = {image = '猫'}}"
    others = "options = ['watermark=logo']\npresets = {hero = {size = '8x6', watermark = 'draft'}}\n"
    found = load(toml(tmp_path, others + table), {}).settings
    assert found.watermarks == settings(watermarks=text).watermarks
    assert found.watermarks == {"logo": "image=brand,scale=0.2,opacity=1", "draft": "image=猫"}
    assert shown(found, "watermarks") == text
    with pytest.raises(ConfigurationError, match="PYMAGER_OPTIONS: PYMAGER_WATERMARKS has no watermark 'stamp'"):
        settings(watermarks=text, options="watermark=logo|stamp")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("watermarks = 5", "must be a table of watermarks, or text such as logo:image=brand,scale=0.2, got 5"),
        ("watermarks = {logo = 5}", "must be a table of watermarks"),
        ("[watermarks.logo]\nimage = 'a'\nscale = 0.1234", "with up to 3 decimals, got '0.1234'"),
        ("[watermarks.logo]\nimage = 'a'\nopacity = 1e-5", "with up to 3 decimals, got '1e-05'"),
        (
            "[watermarks.logo]\nimage = 'a,b'",
            "watermark logo: unknown field 'b'; the fields are image, ",
        ),
    ],
)
def test_a_wrong_table_of_watermarks_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(toml(tmp_path, text), {})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sizes = [800]", "must be a list, or text, got 800"),
        ("host = 5", "must be text, got 5"),
        ("users = 5", "must be a table, or text"),
        ("signing_keys = 5", "must be a list, or text"),
        ("users = {ada = 5}", "must be a table, or text"),
        ("metadata = 5", "must be text"),
    ],
)
def test_a_value_of_another_type_is_an_error_too(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(toml(tmp_path, text), {})
    assert str(caught.value).endswith(f"): {said}")


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({"port": -1}, {"PYMAGER_QUEUE_SIZE": "x", "PYMAGER_QUEUE": "1"})
    lines = str(caught.value).splitlines()
    assert {line.split(":")[0] for line in lines} == {"port (option)", "PYMAGER_QUEUE_SIZE", "PYMAGER_QUEUE"}
    assert (
        "PYMAGER_QUEUE: no such setting. Did you mean PYMAGER_QUEUE_SIZE? docs/reference/settings.md lists all settings"
        in lines
    )


def test_an_error_shows_no_secret() -> None:
    for name, value in (
        ("users", "ada:hunter2"),
        ("tokens", "ci:hunter2"),
        ("users", "hunter2"),
        ("tokens", "x hunter2"),
        ("signing_keys", "hunter2"),
        ("purgers", "hunter2"),
        ("signing_keys", f"{TOKEN} hunter2"),
        ("signing_keys", "hunter2!" * 9),
    ):
        with pytest.raises(ConfigurationError) as caught:
            settings(**{name: value})
        assert "hunter2" not in str(caught.value)
        assert TOKEN not in str(caught.value)


def test_signing_keys_are_hexadecimal_or_base64_with_either_alphabet(tmp_path: Path) -> None:
    key = bytes.fromhex("fbefbe" * 11)
    padded = base64.b64encode(key[:32]).decode()
    assert "+" in padded and padded.endswith("=")
    for text in (key[:32].hex(), key[:32].hex().upper(), padded, padded.rstrip("="), padded.replace("+", "-")):
        assert _keys(signing_keys=text) == [key[:32]]
    urlsafe = base64.urlsafe_b64encode(key).decode()
    assert _keys(signing_keys=f"{urlsafe},\n{padded} {TOKEN}") == [key, key[:32], bytes.fromhex(TOKEN)]
    listed = load(toml(tmp_path, f"signing_keys = ['{urlsafe}', '{TOKEN}']"), {}).settings.signing_keys
    assert [secret.get_secret_value() for secret in listed] == [key, bytes.fromhex(TOKEN)]


def _keys(**environ: str) -> list[bytes]:
    return [secret.get_secret_value() for secret in settings(**environ).signing_keys]


def test_signatures_are_optional_if_there_are_keys_and_off_otherwise() -> None:
    assert settings().signatures == "off"
    assert settings(signing_keys="", signatures="off").signatures == "off"
    assert settings(signing_keys=TOKEN).signatures == "optional"
    for mode in ("optional", "required", "off"):
        assert settings(signing_keys=TOKEN, signatures=mode).signatures == mode


def test_a_wrong_key_is_the_only_setting_that_is_named() -> None:
    for others in ({}, {"signatures": "required"}):
        with pytest.raises(ConfigurationError) as caught:
            settings(signing_keys="short", **others)
        assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["PYMAGER_SIGNING_KEYS"]


def test_lists_can_have_commas_or_spaces_or_be_arrays(tmp_path: Path) -> None:
    expected = ("8x6", "80x60", "*")
    assert settings(sizes=" 8x6, 80x60\n*,").sizes == expected
    assert load(toml(tmp_path, "sizes = ['8x6', '80x60', '*']"), {}).settings.sizes == expected
    assert load(toml(tmp_path, "sizes = '8x6 80x60,*'"), {}).settings.sizes == expected


def test_users_and_tokens_can_be_pairs_or_tables(tmp_path: Path) -> None:
    expected = {"ada": HASH, "bob": HASH}
    assert settings(users=f"ada:{HASH} bob:{HASH}").users == expected
    assert load(toml(tmp_path, f"[users]\nada = '{HASH}'\nbob = '{HASH}'"), {}).settings.users == expected
    assert settings(tokens=f"ci:{TOKEN}").tokens == {"ci": TOKEN}
    assert settings(users="", tokens="").users == {}


def test_sizes_in_bytes_have_units() -> None:
    assert settings(max_body="100MB").max_body == 100_000_000
    assert settings(max_body="64MiB").max_body == 64 << 20
    assert settings(memory_cache="0").memory_cache == 0


def test_an_empty_spool_is_the_systems_folder() -> None:
    assert settings(spool="").spool is None
    assert settings(spool="/var/spool").spool == Path("/var/spool")


def test_a_public_url_loses_its_last_slash() -> None:
    assert settings(public_url="https://img.example.org/pictures/").public_url == "https://img.example.org/pictures"


def test_the_embedded_stores_are_in_the_data_folder() -> None:
    values = settings(data="/var/lib/my pictures")
    assert values.blobs_url == "file:///var/lib/my%20pictures"
    assert values.folder == Path("/var/lib/my pictures")
    assert values.metadata_url == "sqlite:////var/lib/my pictures/catalog.db"
    assert settings(data="here").folder == Path.cwd() / "here"
    assert settings(blobs="s3://bucket").folder is None
    assert settings(blobs="s3://bucket", metadata="postgresql://h/d").metadata_url == "postgresql://h/d"


def test_the_formats_of_auto_keep_their_order_and_can_be_none() -> None:
    assert settings().auto_formats == ("avif", "webp")
    assert settings(auto_formats="WebP avif,webp").auto_formats == ("webp", "avif")
    assert settings(auto_formats="").auto_formats == settings(auto_formats=" , ").auto_formats == ()


def test_input_formats_become_decoders_without_duplicates() -> None:
    assert settings(input_formats="jpeg,PNG,jpeg,DDS").decoders == ("JPEG", "MPO", "PNG", "DDS")
    assert settings(input_formats="jpeg,*").decoders == ("*",)
    assert {"JPEG", "HEIF", "TGA"} <= set(settings().decoders)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///var/lib/pymager", "file:///var/lib/pymager"),
        ("postgresql://ada:SECRET@db/pictures", "postgresql://ada:***@db/pictures"),
        ("postgresql://ada@db/pictures", "postgresql://ada@db/pictures"),
        ("postgresql://:SECRET@db/pictures", "postgresql://:***@db/pictures"),
        ("postgresql://ada:SEC@RET@db/pictures", "postgresql://ada:***@db/pictures"),
        ("postgresql://ada:SEC/RET@db/pictures", "postgresql://ada:***@db/pictures"),
        ("postgresql://ada:SEC?RET@db/pictures", "postgresql://ada:***@db/pictures"),
        ("mysql://db/pictures?user=ada&password=SECRET&x=1", "mysql://db/pictures?user=ada&password=***&x=1"),
        ("mysql://db/pictures?passwd=SECRET", "mysql://db/pictures?passwd=***"),
        ("mysql://db/pictures?pwd=SECRET", "mysql://db/pictures?pwd=***"),
        ("s3://b/p?access_key_id=SECRET&Secret_Access_Key=SECRET", "s3://b/p?access_key_id=***&Secret_Access_Key=***"),
        ("s3://b/p?endpoint=http://ada:SECRET@m:9000&t=1", "s3://b/p?endpoint=http://ada:***@m:9000&t=1"),
        ("s3://b/p?endpoint=http://m:9000", "s3://b/p?endpoint=http://m:9000"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, expected: str) -> None:
    assert without_password(url) == expected


def test_values_are_shown_without_their_secrets() -> None:
    values = settings(
        users=f"ada:{HASH}",
        tokens=f"ci:{TOKEN}",
        signing_keys=f"{TOKEN} {TOKEN[::-1]}",
        blobs="s3://k:SECRET@b",
        metadata="postgresql://u:SECRET@h/d",
    )
    text = " ".join(shown(values, name) for name in Settings.model_fields)
    text += repr(values.signing_keys)
    assert not any(secret in text for secret in (HASH, TOKEN, TOKEN[::-1], "SECRET"))
    assert str(bytes.fromhex(TOKEN)) not in text
    assert shown(values, "users") == "ada:***"
    assert shown(values, "signing_keys") == "***, ***"
    assert shown(settings(), "signing_keys") == "(none)"
    assert shown(settings(), "users") == "(none)"
    assert shown(settings(), "sizes") == "100x100,800x600"


def test_the_config_command_shows_every_setting_its_source_and_no_secret() -> None:
    environ = {
        "PYMAGER_USERS": f"ada:{HASH}",
        "PYMAGER_TOKENS": f"ci:{TOKEN}",
        "PYMAGER_SIGNING_KEYS": TOKEN,
        "PYMAGER_METADATA": "postgresql://u:SECRET@h/d",
        "PYMAGER_PORT": "1234",
    }
    result = CliRunner().invoke(cli.program, ["config"], env=environ)
    assert result.exit_code == 0
    *settings, last = result.output.splitlines()
    assert [line.split()[0] for line in settings] == list(Settings.model_fields)
    assert last == f"sandbox in force: {confinement.chosen('auto')}"
    assert not any(secret in result.output for secret in (HASH, TOKEN, "SECRET"))
    lines = {line.split()[0]: line for line in settings}
    assert lines["port"].split()[1:] == ["1234", "(PYMAGER_PORT)"]
    assert lines["queue_size"].split()[1:] == ["64", "(default)"]


@pytest.mark.parametrize(
    ("variable", "url", "sentence"),
    [
        ("PYMAGER_BLOBS", "s3://", "the bucket name in the s3 URL must be"),
        ("PYMAGER_METADATA", "postgres://h/d", "unknown metadata store 'postgres:'; known:"),
        ("PYMAGER_SHARED_CACHE", "redis://h", "unknown cache 'redis:'; known:"),
        ("PYMAGER_PURGERS", "varnish://", "varnish: must be written varnish://HOST:PORT"),
    ],
)
def test_the_config_command_refuses_a_url_that_the_server_would_refuse(variable: str, url: str, sentence: str) -> None:
    result = CliRunner().invoke(cli.program, ["config"], env={variable: url})
    assert result.exit_code == 2
    assert f"pymager: {variable}: {sentence}" in result.stderr
    assert f"({variable})" in result.stdout


def test_the_program_names_every_error_and_exits_with_2() -> None:
    result = CliRunner().invoke(cli.program, ["config"], env={"PYMAGER_PORT": "x", "PYMAGER_QUEUES": "1"})
    assert result.exit_code == 2
    assert "pymager: PYMAGER_PORT: " in result.output
    assert "pymager: PYMAGER_QUEUES: no such setting" in result.output


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_format_whose_extra_is_not_installed_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_is_installed", lambda module: False)
    assert "jxl" in settings().input_formats  # the default: what is installed of it is accepted
    for name in ("jxl", "HEIC"):
        with pytest.raises(ConfigurationError) as caught:
            settings(input_formats=f"jpeg,{name}")
        assert str(caught.value).startswith("PYMAGER_INPUT_FORMATS: ")
        assert "which is not installed" in str(caught.value)
