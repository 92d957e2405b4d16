"""Links, sessions and tokens of operators: each good for what it says, for as long as it says, and no longer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pi_auto.server.operators import letting_in, tokens
from pi_auto.server.operators.rules import EVERYTHING, MOST_SESSIONS, Scope, is_forged, scopes_of
from pi_auto.server.operators.tables import operator_sessions
from pi_auto.wire.errors import FieldError
from support.enrolling import Desk, open_desk

READ = frozenset({Scope.READ})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data") as opened:
        yield opened


def link(desk: Desk) -> str:
    return desk.do(lambda books: letting_in.make_link(books, desk.now))


def use(desk: Desk, text: str) -> str | None:
    return desk.do(lambda books: letting_in.use_link(books, text, desk.now))


def token(desk: Desk, name: str = "till", lasts: timedelta | None = None) -> str:
    expires = desk.now + lasts if lasts else None
    return desk.do(lambda books: tokens.create_token(books, name, READ, expires, desk.now))


def test_a_link_is_good_once_and_opens_a_session_of_twelve_hours(desk: Desk) -> None:
    made = link(desk)
    session = use(desk, made)
    assert session
    assert use(desk, made) is None
    operator = desk.reading(lambda books: letting_in.operator_of_session(books, session, desk.now))
    assert operator
    assert operator.scopes == EVERYTHING
    desk.pass_by(hours=12)
    assert desk.reading(lambda books: letting_in.operator_of_session(books, session, desk.now)) is None


def test_a_link_runs_out_and_a_newer_one_voids_it(desk: Desk) -> None:
    first, second = link(desk), link(desk)
    assert use(desk, first) is None
    desk.pass_by(hours=24)
    assert use(desk, second) is None


@pytest.mark.parametrize(
    "guess", ["", "link_", "link_" + "a" * 43, "session_" + "a" * 43, "é" * 48, "x" * 100_000]
)
def test_what_was_guessed_opens_nothing(desk: Desk, guess: str) -> None:
    link(desk)
    token(desk)
    assert use(desk, guess) is None
    assert desk.reading(lambda books: letting_in.operator_of_session(books, guess, desk.now)) is None
    assert desk.reading(lambda books: tokens.operator_of_token(books, guess, desk.now)) is None


def test_a_session_that_was_ended_is_good_for_nothing(desk: Desk) -> None:
    session = use(desk, link(desk))
    assert session
    desk.do(lambda books: letting_in.end_session(books, session))
    assert desk.reading(lambda books: letting_in.operator_of_session(books, session, desk.now)) is None


def test_sessions_are_bounded(desk: Desk) -> None:
    def many(books: object) -> None:
        for _ in range(MOST_SESSIONS + 5):
            desk.now += timedelta(seconds=1)
            made = letting_in.make_link(books, desk.now)  # type: ignore[arg-type] # a connection
            letting_in.use_link(books, made, desk.now)  # type: ignore[arg-type] # the same

    desk.do(many)
    assert len(desk.rows(operator_sessions)) == MOST_SESSIONS


def test_a_token_is_good_until_it_runs_out_or_is_revoked(desk: Desk) -> None:
    lasting, short = token(desk), token(desk, "short", timedelta(hours=1))

    def name(text: str) -> str | None:
        operator = desk.reading(lambda books: tokens.operator_of_token(books, text, desk.now))
        return operator.name if operator else None

    def names() -> list[str | None]:
        return [name(lasting), name(short)]

    assert names() == ["till", "short"]
    desk.pass_by(hours=1)
    assert names() == ["till", None]
    assert desk.do(lambda books: tokens.revoke_token(books, "till", desk.now))
    assert names() == [None, None]
    assert not desk.do(lambda books: tokens.revoke_token(books, "till", desk.now))


def test_a_token_has_its_scopes_and_no_more(desk: Desk) -> None:
    made = token(desk)
    operator = desk.reading(lambda books: tokens.operator_of_token(books, made, desk.now))
    assert operator
    assert [scope for scope in Scope if operator.may(scope)] == [Scope.READ]


@pytest.mark.parametrize("name", ["", "a b", "../x", "a" * 65, "till"])
def test_a_name_that_will_not_do_or_was_ever_used_is_refused(desk: Desk, name: str) -> None:
    token(desk)
    desk.do(lambda books: tokens.revoke_token(books, "till", desk.now))
    with pytest.raises(FieldError, match="name"):
        token(desk, name)
    assert [row.name for row in desk.reading(tokens.all_tokens)] == ["till"]


@pytest.mark.parametrize("words", [[], ["everything"], ["read", "root"]])
def test_a_scope_nobody_knows_is_refused(words: list[str]) -> None:
    with pytest.raises(FieldError, match="scopes"):
        scopes_of(words)


def test_no_secret_of_an_operator_is_in_the_books(desk: Desk, tmp_path: Path) -> None:
    made = [link(desk), token(desk)]
    made.append(use(desk, made[0]) or "")
    desk.writer.close()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert all(len(secret) > 40 and secret.encode() not in kept for secret in made)
    assert secrets.token_urlsafe(32) not in made


@pytest.mark.parametrize(
    ("method", "headers", "forged"),
    [
        ("GET", {}, False),
        ("POST", {}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, False),
        ("POST", {"Sec-Fetch-Site": "same-site"}, True),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "https://fleet.local:5443"}, True),
        ("POST", {"Sec-Fetch-Site": "none"}, True),
        ("POST", {"Origin": "https://fleet.local:5443"}, False),
        ("POST", {"Origin": "https://Fleet.local:5443"}, False),
        ("POST", {"Origin": "https://fleet.local"}, True),
        ("POST", {"Origin": "https://evil.example"}, True),
        ("POST", {"Origin": "null"}, True),
        ("DELETE", {"Origin": "https://fleet.local:5443.evil.example"}, True),
    ],
    ids=repr,
)
def test_a_request_from_somebody_elses_page_is_known(method: str, headers: dict[str, str], forged: bool) -> None:
    assert is_forged(method, headers, "fleet.local:5443") is forged
