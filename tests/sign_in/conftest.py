"""A short step for refusals, as most tests only need one that is even."""

import pytest


@pytest.fixture(autouse=True)
def short_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give refusals after a multiple of a tenth of a second."""
    monkeypatch.setattr("tekana.application.sign_in.sign_in.REFUSAL_STEP_SECONDS", 0.1)
