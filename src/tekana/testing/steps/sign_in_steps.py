"""Steps about sign-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tekana.testing.driver import Record
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, given, then, words


@action('the partner sets the password "{password:Text}" for {who:Person}')
def sets_password(scene: ScenarioContext, password: str, who: str) -> Request:
    """Set the password of a customer."""
    scene.messages()
    return Request("set_password", scene.person(who), {"password": password})


@action('{who:Person} signs in by {field:Field} with "{password:Text}"')
def signs_in(scene: ScenarioContext, who: str, field: str, password: str) -> Request:
    """Sign in."""
    scene.messages()
    return Request("sign_in", None, {field: scene.contact(who)[field], "password": password}, _learn(scene))


@given(words("{who:Person} has signed in {times:d} times with a wrong password"))
def has_failed(scene: ScenarioContext, who: str, times: int) -> None:
    """Sign in with a wrong password."""
    for _ in range(times):
        details = {"email": scene.contact(who)["email"], "password": "not the password"}
        scene.given_refused(Request("sign_in", None, details))


@action("{who:Person} asks for a code by {field:Field}")
def asks_for_a_code(scene: ScenarioContext, who: str, field: str) -> Request:
    """Request a one-time code."""
    scene.messages()  # skips the scenario where customers do not sign in

    def learn(record: Record) -> None:
        scene.challenge_id = record["challenge_id"]

    return Request("request_code", None, {field: scene.contact(who)[field]}, learn)


@then("no code was sent")
def no_code_was_sent(scene: ScenarioContext) -> None:
    """Check that no message was sent."""
    assert not scene.messages()


@action('the customer sets the password "{password:Text}" with the code')
def sets_by_code(scene: ScenarioContext, password: str) -> Request:
    """Set a password with the last code that was sent."""
    return _by_code(scene, scene.messages()[-1].code, password)


@action('the customer sets the password "{password:Text}" with another code')
def sets_by_another_code(scene: ScenarioContext, password: str) -> Request:
    """Set a password with a code that differs in its last digit."""
    code = scene.messages()[-1].code
    return _by_code(scene, f"{code[:-1]}{(int(code[-1]) + 1) % 10}", password)


def _by_code(scene: ScenarioContext, code: str, password: str) -> Request:
    details = {"challenge_id": scene.challenge_id, "code": code, "password": password}
    return Request("set_password_by_code", None, details)


@action('{who:Person} changes the password "{before:Text}" to "{after:Text}"')
def changes_password(scene: ScenarioContext, who: str, before: str, after: str) -> Request:
    """Change a password, with the present one."""
    details = {"email": scene.contact(who)["email"], "password": before, "new_password": after}
    return Request("change_password", None, details)


@action("the customer stays signed in")
def stays_signed_in(scene: ScenarioContext) -> Request:
    """Refresh with the newest token."""
    return Request("refresh", None, {"refresh_token": scene.refresh_tokens[-1]}, _learn(scene))


@action("the token before is used again")
def uses_the_token_before(scene: ScenarioContext) -> Request:
    """Refresh with the token before the newest."""
    return Request("refresh", None, {"refresh_token": scene.refresh_tokens[-2]})


@action("the customer signs out")
def signs_out(scene: ScenarioContext) -> Request:
    """Sign out."""
    return Request("sign_out", None, {"refresh_token": scene.refresh_tokens[-1]})


@given(words("{seconds:d} seconds have passed"))
@given(words("{seconds:d} second has passed"))
def time_passes(scene: ScenarioContext, seconds: int) -> None:
    """Advance the clock."""
    scene.world.clock.advance(timedelta(seconds=seconds))


def _learn(scene: ScenarioContext) -> Callable[[Record], None]:
    return lambda record: scene.refresh_tokens.append(record["refresh_token"])
