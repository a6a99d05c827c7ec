"""What every suite in Python is told: where its Portcullis is, and who may call it."""

import os
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def site():
    """Base URLs, and the organization with its owner key, as `run` found them in Portcullis's own output."""
    return SimpleNamespace(
        admin_url=os.environ["INTEROP_ADMIN_URL"],
        proxy_url=os.environ["INTEROP_PROXY_URL"],
        front_url=os.environ.get("INTEROP_FRONT_URL"),
        org=os.environ["INTEROP_ORG"],
        key_id=os.environ["INTEROP_KEY_ID"],
        public_key=os.environ["INTEROP_PUBLIC_KEY"],
        private_key=os.environ["INTEROP_PRIVATE_KEY"],
        suite=os.environ["INTEROP_SUITE"],
    )
