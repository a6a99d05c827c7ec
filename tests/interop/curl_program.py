"""The program `curl`, run as a person or a script runs it."""

import json
import subprocess
import tempfile
from pathlib import Path


class Answer:
    """What curl was told at last: status, headers by lower-case name with all their values, and body. `wire` is what
    `--verbose` shows of every request that it took."""

    def __init__(self, status, headers, text, wire):
        self.status, self.headers, self.text, self.wire = status, headers, text, wire

    def json(self):
        return json.loads(self.text)

    def header(self, name):
        values = self.headers.get(name, [])
        assert len(values) <= 1, values
        return values[0] if values else None

    def sent(self, name):
        """The values of a header in the requests, in their order."""
        prefix = f"> {name}: ".lower()
        return [line[len(prefix) :] for line in self.wire.splitlines() if line.lower().startswith(prefix)]


def curl(*arguments):
    with tempfile.TemporaryDirectory() as directory:
        body = Path(directory) / "body"
        command = ["curl", "--silent", "--show-error", "--verbose", "--max-time", "30", "--noproxy", "*"]
        command += ["--output", str(body), "--write-out", "%{http_code} %{header_json}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        status, headers = done.stdout.split(" ", 1)
        # Without a body there is no file.
        text = body.read_text() if body.exists() else ""
        return Answer(int(status), json.loads(headers), text, done.stderr)
