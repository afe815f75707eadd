"""Writes the pom.xml with which the client for the JVM is published: `maven_central.py clients/jvm URL-OF-THE-SOURCES`.

Maven Central asks for the address of the sources and for signatures, which a build has no use for. The file that this
writes, release-pom.xml, is pom.xml with them, and with the plugins that sign and upload.
"""

import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

_ABOUT = """
  <url>{url}</url>
  <scm>
    <url>{url}</url>
    <connection>scm:git:{url}.git</connection>
  </scm>
  <developers>
    <developer>
      <name>The pymager contributors</name>
      <url>{url}</url>
    </developer>
  </developers>
"""
# The key and its passphrase come from the environment: MAVEN_GPG_KEY, MAVEN_GPG_PASSPHRASE.
_PLUGINS = """\
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-gpg-plugin</artifactId>
        <version>3.2.8</version>
        <configuration>
          <signer>bc</signer>
        </configuration>
        <executions>
          <execution>
            <phase>verify</phase>
            <goals>
              <goal>sign</goal>
            </goals>
          </execution>
        </executions>
      </plugin>
      <plugin>
        <groupId>org.sonatype.central</groupId>
        <artifactId>central-publishing-maven-plugin</artifactId>
        <version>0.10.0</version>
        <extensions>true</extensions>
        <configuration>
          <publishingServerId>central</publishingServerId>
          <autoPublish>true</autoPublish>
          <waitUntil>validated</waitUntil>
        </configuration>
      </plugin>
"""


def release_pom(text: str, url: str) -> str:
    """The text of a pom.xml, with what Maven Central asks for. Raises `ValueError` if it has no place for it."""
    for pattern, added in (
        (r"\n  </licenses>\n", _ABOUT.format(url=escape(url)).lstrip("\n")),
        (r"(?=    </plugins>\n  </build>\n)", _PLUGINS),
    ):
        text, count = re.subn(pattern, lambda match, added=added: match[0] + added, text)
        if count != 1:
            raise ValueError(f"pom.xml has {count} places like {pattern!r}, not one")
    return text


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "release-pom.xml").write_text(release_pom((folder / "pom.xml").read_text("utf-8"), sys.argv[2]), "utf-8")
