"""Generates pymager(1) and pymager.toml(5) from the program's commands, options and settings, in man(7) format."""

import re
from collections.abc import Iterator

import click

from pymager.cli import program
from pymager.settings.reference import settings_page as markdown
from pymager.settings.sources import PREFIX

_PROGRAM = r"""
.SH EXIT STATUS
0: success. 1: the command failed or found a problem. 2: wrong usage or configuration. 3: \fIsweep\fR refused to delete
orphans.
.SH FILES
.TP
\fI/etc/pymager/pymager.toml\fR
Settings of the service; see pymager.toml(5).
.TP
\fI/etc/default/pymager\fR
Environment variables of the service.
.TP
\fI/etc/pymager/first-password\fR
Password of the first user, \fIadmin\fR, readable only by root. Delete the file when you know the password.
.TP
\fI/var/lib/pymager\fR
Originals, variants and the catalog, unless they are in other stores. Purging the package keeps this folder.
.SH EXAMPLES
The service:
.PP
.EX
systemctl status pymager
journalctl \-u pymager
.EE
.PP
Run a command on the service's data, as its user and with its environment:
.PP
.EX
systemd\-run \-\-pipe \-\-wait \-\-uid=pymager \-p EnvironmentFile=\-/etc/default/pymager \e
    pymager \-\-config /etc/pymager/pymager.toml check
.EE
.PP
Upload a picture, and download a variant:
.PP
.EX
curl \-u admin \-F file=@photo.jpg http://127.0.0.1:8000/original/cat
curl \-O http://127.0.0.1:8000/derived/cat\-800x600.jpg
.EE
.SH SEE ALSO
pymager.toml(5), \fI/usr/share/doc/pymager/docs\fR
"""
_FORMAT = r"""
A TOML file with lines of the form \fIname\fR = \fIvalue\fR. Sizes are in bytes, and can also be written as "100MB" or
"64MiB". Times are in seconds. A list is a TOML array, or a string with commas or spaces between the items.
.PP
A setting can also be an environment variable: its name in upper case with the prefix \fBPYMAGER_\fR. The environment
overrides the file, and options of the command line override both. If a setting is unknown or its value is wrong,
pymager does not start, and the error names the setting.
.B pymager config
shows the current values and their sources.
.PP
The service reads \fI/etc/pymager/pymager.toml\fR. After a change, run
.BR "systemctl restart pymager" .
.SH SETTINGS
"""
_EXAMPLE = r"""
.SH EXAMPLE
.EX
sizes = ["100x100", "800x600"]
blobs = "s3://pictures?region=eu\-west\-1"
metadata = "postgresql://pymager:PASSWORD@db.example/pymager"

[users]
editor = "$argon2id$..."
.EE
.SH SEE ALSO
pymager(1), \fI/usr/share/doc/pymager/docs/reference/settings.md\fR
"""


def program_page(version: str, day: str) -> str:
    """pymager(1)."""
    head = _head(
        "PYMAGER",
        1,
        f'"{day}" "pymager {version}"',
        "pymager",
        "store original pictures and serve resized variants over HTTP",
    )
    synopsis = ".SH SYNOPSIS\n.B pymager\n[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]\n"
    commands = "".join(line for name in sorted(program.commands) for line in _command(program.commands[name]))
    return f"{head}{synopsis}.SH OPTIONS\n{_options(program)}.SH COMMANDS\n{commands}{_PROGRAM.lstrip()}"


def settings_page(version: str, day: str) -> str:
    """pymager.toml(5)."""
    head = _head("PYMAGER.TOML", 5, f'"{day}" "pymager {version}"', "pymager.toml", "settings of pymager")
    return f"{head}.SH DESCRIPTION\n{_FORMAT.lstrip()}{''.join(_settings())}{_EXAMPLE.lstrip()}"


def _head(title: str, section: int, source: str, name: str, purpose: str) -> str:
    return f'.TH "{title}" {section} {source} "pymager"\n.SH NAME\n{name} \\- {purpose}\n'


def _command(command: click.Command) -> Iterator[str]:
    with click.Context(command) as context:
        arguments = [param.make_metavar(context) for param in command.params if isinstance(param, click.Argument)]
    yield f'.SS "{_escaped(" ".join([command.name or "", *arguments]))}"\n{_text(command.help or "")}\n'
    yield _options(command)


def _options(command: click.Command) -> str:
    options = [param for param in command.params if isinstance(param, click.Option)]
    with click.Context(command) as context:
        records = [record for option in options if (record := option.get_help_record(context))]
    return "".join(f".TP\n\\fB{_escaped(option)}\\fR\n{_text(meaning)}\n" for option, meaning in records)


def _settings() -> Iterator[str]:
    for line in markdown().splitlines():
        if line.startswith(f"| `{PREFIX}"):
            variable, default, meaning = line.strip("| ").split(" | ")
            name = variable.strip("`").removeprefix(PREFIX).lower()
            yield f".TP\n\\fB{name}\\fR ({_text(_in_toml(default))})\n{_text(meaning)}\n"


def _in_toml(default: str) -> str:
    return {"`True`": "`true`", "`False`": "`false`"}.get(default, default)


def _text(markdown: str) -> str:
    """Paragraphs separated by requests; text in backticks becomes bold."""
    paragraphs = [" ".join(part.split()) for part in markdown.split("\n\n")]
    return "\n.PP\n".join(re.sub(r"`([^`]*)`", r"\\fB\1\\fR", _escaped(part)) for part in paragraphs)


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
