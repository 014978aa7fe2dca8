"""The sentences in which a command explains why it could not run."""

from __future__ import annotations

from tekana.cli.failures import explain


def test_a_file_that_cannot_be_used_is_named() -> None:
    refused = PermissionError(13, "Permission denied", "/srv/tekana/postgres-18")
    assert explain(refused) == "unexpected error: PermissionError: Permission denied: /srv/tekana/postgres-18"
    assert explain(OSError(98, "Address in use")) == "unexpected error: OSError: Address in use"
