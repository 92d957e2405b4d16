"""The administrators' page as a browser asks for it: whoever has a token, and what a form sends."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Table, select
from werkzeug.test import TestResponse

from pi_auto.server.context import Context
from pi_auto.server.operators import tokens
from pi_auto.server.operators.rules import EVERYTHING, Scope

HTTPS = "https://fleet.local"
OURS = {"Sec-Fetch-Site": "same-origin"}


def bearer(context: Context, *scopes: Scope) -> dict[str, str]:
    made = context.writer.submit(
        lambda books: tokens.create_token(books, "ann", frozenset(scopes) or EVERYTHING, None, context.clock())
    ).result(10)
    return {"Authorization": f"Bearer {made}"}


def act(client: FlaskClient, who: dict[str, str], part: str, request: str, **form: object) -> TestResponse:
    data = {"request": request} | form
    return client.post(f"/fleet/{part}", data=data, base_url=HTTPS, headers=who | OURS)


def rows(context: Context, table: Table) -> list[Any]:
    with context.store.engine.connect() as connection:
        return list(connection.execute(select(table)).all())
