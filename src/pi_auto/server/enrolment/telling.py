"""Tells the hub what the books wish of it, until the hub has done it."""

from __future__ import annotations

import logging

from sqlalchemy import select

from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context
from pi_auto.server.enrolment.tables import hub_wishes
from pi_auto.server.enrolment.wishes import Claimed, Wish, claim_next, failed, fulfilled, is_due
from pi_auto.server.links.base import HubUnavailable, Link

LOOK_EVERY = 2.0  # seconds
_log = logging.getLogger(__name__)


def tell_on(context: Context) -> None:
    """Tell the hub whatever is due, as long as the server runs."""
    while not context.stopping.wait(LOOK_EVERY):
        try:
            tell_all(context)
        except Exception as error:  # noqa: BLE001 - the books may be busy: what is wished for stays there
            _log.warning("the hub could not be told: %s", error)


def tell_all(context: Context) -> None:
    """Tell the hub what is due, until it does not answer."""
    while tell_next(context):
        pass


def tell_next(context: Context) -> bool:
    """Tell the hub one thing; whether there was something to tell and it was done."""
    link, now = context.link, context.clock()
    if link is None or not _is_due(context):
        return False
    claimed = committed(context, lambda books: claim_next(books, now))
    if claimed is None:
        return False
    try:
        _tell(link, claimed)
    except HubUnavailable as error:
        why = str(error)
        _log.warning("the hub could not be told that %s is to be %s: %s", claimed.device_id, claimed.wish, why)
        committed(context, lambda books: failed(books, claimed, why, context.clock()))
        return False
    committed(context, lambda books: fulfilled(books, claimed))
    _log.info("the hub was told: device=%s %s", claimed.device_id, claimed.wish)
    return True


def _is_due(context: Context) -> bool:
    """A look that disturbs no writer."""
    with context.store.engine.connect() as connection:
        query = select(hub_wishes.c.number).where(is_due(context.clock())).limit(1)
        return connection.execute(query).first() is not None


def _tell(link: Link, claimed: Claimed) -> None:
    """Each may be told twice. A device that the hub has never heard of is made first: hubs refuse to alter it."""
    if claimed.wish is Wish.ABSENT:
        link.delete_device(claimed.device_id)
        return
    link.put_device(claimed.device_id)
    link.set_enabled(claimed.device_id, enabled=claimed.wish is Wish.ENABLED)
