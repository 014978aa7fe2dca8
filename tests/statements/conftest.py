"""Fixtures of the tests of statements: those of HTTP."""

from tests.integration.http_support import app, both_stores, client, store_url

__all__ = ["app", "both_stores", "client", "store_url"]
