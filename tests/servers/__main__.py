"""Has every server built or installed; exit code 1 in CI where one can't be had."""

import os
import sys
import time

from tests.image import engine
from tests.linearizability import checker
from tests.live import power_loss
from tests.servers import ALL, browser, front
from tests.servers.actionlint import Actionlint
from tests.servers.helm import Helm
from tests.servers.pgbouncer import PgBouncer
from tests.servers.process import Missing

failed = False
others = [
    ("PgBouncer", PgBouncer.install),
    ("helm", Helm.install),
    ("actionlint", Actionlint.install),
    ("nginx, Varnish, Apache", front.install),
    ("Chromium", browser.install),
    ("checker", checker),
    ("recorder", power_loss.recorder),
    ("containers", engine.install),
]
for name, have in [(server.__name__, server.install) for server in ALL] + others:
    began = time.monotonic()
    try:
        have()
    except Missing as error:
        failed = True
        print(f"{name}: {error}")
    else:
        print(f"{name}: there, after {time.monotonic() - began:.0f} s")
sys.exit(1 if failed and os.environ.get("CI") else 0)
