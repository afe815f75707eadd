"""The pom.xml with which the client for the JVM is published."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.scripts import loaded

ROOT = Path(__file__).parents[2]
SCRIPT = loaded(ROOT / "packaging" / "maven_central.py")
URL = "https://forge.example/owner/pymager?a&b"
SMALL = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <version>1.2.3</version>
  <licenses>
  </licenses>
  <build>
    <plugins>
    </plugins>
  </build>
</project>
"""
POMS = [SMALL, *(path.read_text("utf-8") for path in ROOT.glob("clients/*/pom.xml"))]
_NAMES = {"": "http://maven.apache.org/POM/4.0.0"}


@pytest.mark.parametrize("text", POMS)
def test_it_has_what_maven_central_asks_for_and_all_that_it_had(text: str) -> None:
    after = ElementTree.fromstring(SCRIPT.release_pom(text, URL))
    for path in ("url", "scm/url", "developers/developer/url"):
        assert after.findtext(path, namespaces=_NAMES) == URL
    plugins = [node.text for node in after.findall("build/plugins/plugin/artifactId", _NAMES)]
    assert plugins[-2:] == ["maven-gpg-plugin", "central-publishing-maven-plugin"]
    before = ElementTree.fromstring(text)
    assert plugins[:-2] == [node.text for node in before.findall("build/plugins/plugin/artifactId", _NAMES)]
    assert after.findtext("version", namespaces=_NAMES) == before.findtext("version", namespaces=_NAMES)


@pytest.mark.parametrize("lost", ["  </licenses>\n", "    </plugins>\n"])
def test_a_pom_without_a_place_for_it_is_refused(lost: str) -> None:
    with pytest.raises(ValueError, match="0 places"):
        SCRIPT.release_pom(SMALL.replace(lost, ""), URL)
