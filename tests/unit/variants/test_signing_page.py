"""docs/reference/signing.md: its test vectors are right by our code and by others, and its functions make them."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from pymager.errors import SignatureMisused, SignatureRejected
from pymager.formats import Encoding
from pymager.names import parse_id
from pymager.variants.grammar import Grammar, Preset
from pymager.variants.signatures import Keyring, parse_target

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "signing.md").read_text("utf-8")
SNIPPETS: dict[str, str] = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
VECTORS, REFUSED = (json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
_HEX = re.search(r"Key 1 is `([0-9a-f]{64})`", PAGE)
_BASE64 = re.search(r"Key 2 is\s`([\w-]+)` in base64url", PAGE)
assert _HEX is not None and _BASE64 is not None
KEYS = {1: bytes.fromhex(_HEX[1]), 2: base64.urlsafe_b64decode(_BASE64[1])}
_TIMEOUT_SECONDS = 300

Vector = dict[str, Any]


def signature(vector: Vector) -> str:
    return str(vector["url"]).rpartition("sig=")[2]


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def output(*command: str, stdin: str = "", **environ: str) -> str:
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | environ,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def calls() -> str:
    """The arguments of `sign` for each vector as JSON: the key in hexadecimal, the target, and the expiry or null."""
    return json.dumps([[KEYS[vector["key"]].hex(), *_without_expiry(vector["target"])] for vector in VECTORS])


def _without_expiry(target: str) -> tuple[str, int | None]:
    """A target whose last parameter is `exp` without it, because `sign` adds it at the end."""
    match = re.fullmatch(r"(.*?)[?&]exp=([0-9]+)", target)
    return (match[1], int(match[2])) if match else (target, None)


def test_there_are_enough_vectors_and_their_cases_differ() -> None:
    assert len(VECTORS) >= 20
    assert len(REFUSED) >= 10
    assert len({vector["case"] for vector in VECTORS + REFUSED}) == len(VECTORS + REFUSED)
    assert len({vector["url"] for vector in VECTORS}) == len(VECTORS)
    assert len({_without_expiry(vector["target"])[1] for vector in VECTORS}) == 2


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["case"])
def test_a_vector_is_what_we_sign_and_verify(vector: Vector) -> None:
    keys = Keyring([KEYS[vector["key"]]], now=lambda: 1_800_000_000.0)
    assert keys.sign(vector["target"]) == vector["url"]
    target = parse_target(vector["url"])
    assert target.signed_text == vector["signed"]
    assert keys.verify(target) == (4_102_444_800 if "exp=" in vector["url"] else None)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["case"])
def test_a_vector_is_a_url_that_pymager_serves(vector: Vector) -> None:
    target = parse_target(vector["url"])
    kind, name = target.path[1:].split("/")
    if kind == "derived":
        Grammar(Encoding(), {"card": Preset(400, 300, {})}).parse(unquote(name), target.parameters)
    else:
        assert kind in ("original", "info")
        parse_id(unquote(name))


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["case"])
def test_a_url_that_is_refused_has_the_status_of_the_page(vector: Vector) -> None:
    errors = {400: SignatureMisused, 403: SignatureRejected}
    with pytest.raises(errors[vector["status"]]):
        Keyring([KEYS[1]], now=lambda: 1_800_000_000.0).verify(parse_target(vector["url"]))


def test_node_computes_the_same_signatures() -> None:
    script = """
        const { createHmac } = require("crypto");
        const rows = JSON.parse(require("fs").readFileSync(0, "utf8"));
        const made = ([key, text]) => createHmac("sha256", Buffer.from(key, "hex")).update(text).digest("base64url");
        console.log(JSON.stringify(rows.map(made)));
    """
    rows = json.dumps([[KEYS[vector["key"]].hex(), vector["signed"]] for vector in VECTORS])
    assert json.loads(output(program("node"), "-e", script, stdin=rows)) == [signature(vector) for vector in VECTORS]


def test_the_shell_command_computes_the_same_signatures() -> None:
    shell, _ = program("sh"), program("openssl")
    (command,) = re.findall(r"^```sh\n(printf .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for vector in VECTORS:
        assert output(shell, "-c", command, TEXT=vector["signed"], KEY=KEYS[vector["key"]].hex()) == signature(vector)


def test_the_function_in_python_signs_the_vectors() -> None:
    scope: dict[str, Callable[..., str]] = {}
    exec(SNIPPETS["python"], scope)
    made = [scope["sign"](bytes.fromhex(key), target, expires) for key, target, expires in json.loads(calls())]
    assert made == [vector["url"] for vector in VECTORS]


_CALLERS = {
    "javascript": (
        ["node", "-e"],
        """
        const rows = JSON.parse(require("fs").readFileSync(0, "utf8"));
        const made = ([key, target, expires]) => sign(Buffer.from(key, "hex"), target, expires ?? undefined);
        console.log(JSON.stringify(rows.map(made)));
        """,
    ),
    "php": (
        ["php", "-r"],
        """
        $rows = json_decode(stream_get_contents(STDIN));
        echo json_encode(array_map(fn($row) => sign(hex2bin($row[0]), $row[1], $row[2]), $rows));
        """,
    ),
    "ruby": (
        ["ruby", "-e"],
        """
        require "json"
        rows = JSON.parse(STDIN.read)
        puts JSON.generate(rows.map { |key, target, expires| sign([key].pack("H*"), target, expires) })
        """,
    ),
}


@pytest.mark.parametrize("language", _CALLERS)
def test_the_function_in_another_language_signs_the_vectors(language: str) -> None:
    (name, option), caller = _CALLERS[language]
    made = output(program(name), option, SNIPPETS[language] + caller, stdin=calls())
    assert json.loads(made) == [vector["url"] for vector in VECTORS]


_GO_TEST = """package signing

import ("encoding/hex"; "encoding/json"; "os"; "testing")

func TestVectors(t *testing.T) {
	var rows [][]any
	data, _ := os.ReadFile("calls.json")
	if err := json.Unmarshal(data, &rows); err != nil { t.Fatal(err) }
	made := []string{}
	for _, row := range rows {
		key, _ := hex.DecodeString(row[0].(string))
		expires, _ := row[2].(float64)
		made = append(made, Sign(key, row[1].(string), int64(expires)))
	}
	text, _ := json.Marshal(made)
	os.WriteFile("made.json", text, 0o600)
}
"""


def test_the_function_in_go_signs_the_vectors(tmp_path: Path) -> None:
    go = program("go")
    for name, text in (
        ("go.mod", "module signing\n\ngo 1.18\n"),
        ("signing.go", SNIPPETS["go"]),
        ("signing_test.go", _GO_TEST),
        ("calls.json", calls()),
    ):
        (tmp_path / name).write_text(text, "utf-8")
    output(go, "-C", str(tmp_path), "test", "./...", GOTOOLCHAIN="local", GOFLAGS="-mod=mod")
    assert json.loads((tmp_path / "made.json").read_text("utf-8")) == [vector["url"] for vector in VECTORS]
