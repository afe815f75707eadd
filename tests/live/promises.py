"""One short history for each guarantee of a cluster; it fails if the guarantee is broken."""

import asyncio
import signal
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.client import Client
from tests.live.histories import Histories
from tests.live.program import Program, command, until
from tests.live.replicas import Stores

_SIZE = (80, 60)
_CONTINUE = signal.SIGCONT


@dataclass
class Pair:
    """Two replicas with a client each; `folder` has the orders for the first."""

    folder: Path
    stores: Stores
    first: Program
    second: Program
    here: Client
    there: Client
    mutant: str | None = None
    histories: Histories = field(default_factory=Histories)

    def order(self, point: str, how: str) -> None:
        """Make the first replica send itself a signal at this failpoint."""
        draft = self.folder / "order.draft"
        draft.write_text(f"{point} 1 {how}")
        draft.rename(self.folder / "order")

    async def struck(self, point: str) -> None:
        """Wait until the first replica has reached the point."""
        killed = self.folder / "killed"
        await until(lambda: killed.exists() and killed.read_text() == point, point)


async def an_upload_stopped_before_its_commit_and_a_sweep(pair: Pair) -> None:
    pair.order("upload.blob-put", "SIGSTOP")
    upload = asyncio.create_task(pair.histories.write(pair.here, "POST", "stopped"))
    await pair.struck("upload.blob-put")
    settings = {"blobs": pair.stores.blobs, "metadata": pair.stores.metadata, "sweep_grace": 0}
    done = await command(pair.folder, "sweep", failpoint_mutant=pair.mutant, **settings)
    assert done.code == 0, done
    pair.first.signal(_CONTINUE)
    await upload
    await pair.histories.read(pair.there, "stopped")


async def a_delete_cut_off_in_the_middle(pair: Pair) -> None:
    await pair.histories.write(pair.here, "POST", "cut")
    pair.order("remove.committed", "SIGKILL")
    await pair.histories.write(pair.here, "DELETE", "cut")
    await pair.struck("remove.committed")
    await pair.histories.read(pair.there, "cut")


async def a_delete_on_another_replica(pair: Pair) -> None:
    await pair.histories.write(pair.here, "POST", "elsewhere")
    await pair.histories.read(pair.here, "elsewhere", _SIZE)
    await pair.histories.write(pair.there, "DELETE", "elsewhere")
    await pair.histories.read(pair.here, "elsewhere", _SIZE)


async def an_upload_right_after_a_delete(pair: Pair) -> None:
    await pair.histories.write(pair.here, "POST", "again")
    delete = asyncio.create_task(pair.histories.write(pair.here, "DELETE", "again"))
    while await pair.histories.read(pair.there, "again"):
        pass
    await pair.histories.write(pair.there, "POST", "again")
    await delete
    await pair.histories.read(pair.there, "again")


async def a_replace_of_what_was_derived_from(pair: Pair) -> None:
    await pair.histories.write(pair.here, "POST", "replaced")
    await pair.histories.read(pair.here, "replaced", _SIZE)
    await pair.histories.write(pair.there, "PUT", "replaced")
    await pair.histories.read(pair.there, "replaced", _SIZE)


async def a_put_of_what_another_replica_deleted(pair: Pair) -> None:
    await pair.histories.write(pair.here, "POST", "repeated")
    await pair.histories.write(pair.here, "PUT", "repeated", again=True)
    await pair.histories.read(pair.there, "repeated", _SIZE)
    await pair.histories.write(pair.there, "DELETE", "repeated")
    await pair.histories.write(pair.here, "PUT", "repeated", again=True)
    await pair.histories.read(pair.there, "repeated", _SIZE)
