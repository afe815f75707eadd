"""DynamoDB Local, the one that AWS publishes."""

import shutil
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.servers.cache import cached, run
from tests.servers.process import Server

_VERSION = "2.6.1"
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pymager</groupId><artifactId>dynamodb-local</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>com.amazonaws</groupId><artifactId>DynamoDBLocal</artifactId><version>{_VERSION}</version></dependency>
  </dependencies>
</project>
"""


class DynamoLocal(Server):
    """DynamoDB Local. It listens on all interfaces: it has no option for that. Its data outlive a restart."""

    @classmethod
    def install(cls) -> None:
        cached(f"dynamodb-local-{_VERSION}", _fetch)

    def command(self) -> list[str]:
        folder = cached(f"dynamodb-local-{_VERSION}", _fetch)
        main = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
        # The second compiler and the parallel collector cost more processor time than they save in a few minutes.
        java = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        java += [f"-Djava.library.path={folder / 'native'}", "-cp", f"{folder / 'lib'}/*", main]
        return [*java, "-sharedDb", "-dbPath", str(self.folder), "-port", str(self.port), "-disableTelemetry"]

    def answers(self) -> bool:
        try:
            urlopen(f"http://127.0.0.1:{self.port}", timeout=2).close()
        except HTTPError:
            return True  # it speaks HTTP, and this was no request for it
        except OSError:
            return False
        return True

    def patient_url(self, name: str, **query: object) -> str:
        """For who creates the table: on a busy machine, DynamoDB Local takes seconds to do so."""
        return self.table_url(name, **query | {"timeout": 60})

    def table_url(self, name: str, **query: object) -> str:
        """A table in it, as in PYMAGER_METADATA; `endpoint` may be given, of a proxy say."""
        given = {"region": "us-east-1", "endpoint": f"http://127.0.0.1:{self.port}"}
        return f"dynamodb://{name}?{urlencode(given | query)}"


def _fetch(folder: Path) -> None:
    (folder / "pom.xml").write_text(_POM)
    target = f"-DoutputDirectory={folder / 'lib'}"
    run("mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", target, cwd=folder)
    (folder / "native").mkdir()
    for library in (folder / "lib").glob("libsqlite4java-linux-amd64-*.so"):
        shutil.copy(library, folder / "native" / "libsqlite4java-linux-amd64.so")
        shutil.copy(library, folder / "native")
