"""Apps as local processes, as tests need them: one script that does what its module's name says."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPT = """#!{python}
import json, os, signal, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

how = sys.argv[-1]
with open(os.path.join(os.environ["DUALSPAN_APP_DATA"], "environment.json"), "w") as file:
    json.dump(dict(os.environ), file)
if how == "dies":
    sys.exit("no such machine")
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(600)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if how == "sick" else 200)
        self.end_headers()

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(os.environ["DUALSPAN_APP_PORT"])), Handler).serve_forever()
"""


def interpreter(folder: Path) -> list[str]:
    """A command that runs `well`, `sick`, `dies` and `stubborn`."""
    path = folder / "interpreter"
    path.write_text(SCRIPT.replace("{python}", sys.executable), "utf-8")
    path.chmod(0o755)
    return [str(path)]
