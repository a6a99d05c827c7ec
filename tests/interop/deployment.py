"""Portcullis as a client meets it: set up and started by its own commands, over a fresh directory, in front of an
upstream, and behind nginx where a client speaks TLS only.
"""

import http.server
import json
import os
import queue
import random
import re
import socket
import subprocess
import threading
from pathlib import Path

# From where nginx calls: not where clients call from, so that the two cannot be taken for each other.
PROXY_ADDRESS = "127.0.0.2"

# Far above anything that is waited for: what hangs fails instead.
PATIENCE = 60

CONFIG = """
[listeners.main]
listen = "127.0.0.1:0"

[upstreams.echo]
endpoint = "127.0.0.1:{upstream}"

[routes.echo]
upstream = "echo"
organizations = ["*"]

[admin]
listen = "127.0.0.1:0"
{admin}

[store]
path = "portcullis.db"
key_file = "portcullis.key"

[log]
access = "access.log"
{more}
"""

BEHIND_NGINX = """
public_url = "https://127.0.0.1:{front}"
client_address_header = "x-forwarded-for"
trusted_proxies = ["{proxy}"]
"""

# One process without workers, so that it stays the user that it was started by, and can be ended by its id.
NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    server {{
        listen 127.0.0.1:{front} ssl;
        ssl_certificate {directory}/front.pem;
        ssl_certificate_key {directory}/front.key.pem;
        location / {{
            # Without a path, so that the target goes on byte by byte: Digest signs it.
            proxy_pass http://{admin};
            proxy_bind {proxy};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


class Deployment:
    """One running Portcullis. `facts` are the environment variables from which a suite learns where and who.

    `more` goes to the end of its config; `front` puts nginx with TLS before its admin API.
    """

    def __init__(self, binary, directory, more="", front=False):
        self._binary = str(binary)
        self._directory = Path(directory)
        self._more = more
        self._front = _free_port() if front else None
        self._running = []
        self.facts = {}

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    def log(self):
        """What the processes have written so far."""
        return "".join(process.log() for process in self._running if isinstance(process, _Process))

    def _start(self):
        upstream = _Upstream()
        self._running.append(upstream)
        config = self._directory / "portcullis.toml"
        admin = BEHIND_NGINX.format(front=self._front, proxy=PROXY_ADDRESS) if self._front else ""
        config.write_text(CONFIG.format(upstream=upstream.port, admin=admin, more=self._more))
        self.facts.update(self._owner(config))

        program = self._process(self._binary, "run", "--config", str(config))
        lines = program.until(" ready ")
        proxy = re.search(r'listener="main" address=(\S+)', lines)[1]
        admin = re.search(r" admin=(\S+)", lines)[1]
        self.facts["INTEROP_PROXY_URL"] = f"http://{proxy}"
        self.facts["INTEROP_ADMIN_URL"] = f"http://{admin}"
        if self._front:
            self._start_front(admin)

    def _owner(self, config):
        command = [self._binary, "init", "--config", str(config), "--organization", "Interop"]
        told = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, timeout=PATIENCE
        )
        if told.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {told.stderr}")
        return {
            f"INTEROP_{name}": re.search(rf"^ *{label} +(\S+)", told.stdout, re.MULTILINE)[1]
            for name, label in [
                ("ORG", "organization"),
                ("KEY_ID", "API key"),
                ("PUBLIC_KEY", "public key"),
                ("PRIVATE_KEY", "private key"),
            ]
        }

    def _start_front(self, admin):
        certificate = self._directory / "front.pem"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-keyout", str(self._directory / "front.key.pem"), "-out", str(certificate), "-days", "2",
                "-subj", "/CN=Portcullis interop", "-addext", "subjectAltName=IP:127.0.0.1",
                "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
            ],
            check=True, capture_output=True, timeout=PATIENCE,
        )
        config = self._directory / "nginx.conf"
        config.write_text(
            NGINX.format(directory=self._directory, front=self._front, admin=admin, proxy=PROXY_ADDRESS)
        )
        front = self._process("nginx", "-c", str(config), "-p", str(self._directory), "-e", "stderr")
        # Written after its sockets are open.
        front.until("event method")
        self.facts["INTEROP_FRONT_URL"] = f"https://127.0.0.1:{self._front}"
        self.facts["INTEROP_CA"] = str(certificate)

    def _process(self, *command):
        process = _Process(command)
        self._running.append(process)
        return process

    def _stop(self):
        for process in reversed(self._running):
            process.stop()
        self._running.clear()


class _Process:
    """A child whose lines can be waited for."""

    def __init__(self, command):
        self._name = Path(command[0]).name
        self._seen = []
        self._lines = queue.Queue()
        self._child = subprocess.Popen(
            command, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._child.stdout:
            self._seen.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def until(self, part):
        """Everything up to the first line that has `part` in it, waiting for it."""
        text = ""
        while part not in text:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f"{self._name} wrote no `{part}`, but: {text}")
            text += line
        return text

    def log(self):
        return "".join(self._seen)

    def stop(self):
        self._child.terminate()
        try:
            self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class _Upstream:
    """Answers every request with the identity that Portcullis gave it."""

    def __init__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class _Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        seen = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"target": self.path, "headers": seen}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _environment():
    """Ours without what would configure Portcullis."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("PORTCULLIS")}


def _free_port():
    """A port from below those that the system gives to whoever asks for any."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1")
