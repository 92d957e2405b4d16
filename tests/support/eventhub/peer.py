"""An event hub for tests, as azure-eventhub meets one: partitions, selectors, epochs, claims, management.

Runs under the system's Python, for qpid-proton has no wheel: `python3 -m support.eventhub.peer NAME PARTITIONS`.
A line of standard input is an event, `{"partition", "annotations", "application", "properties", "body"}`
(body in base64), which gets the next number of its partition; `{"cut": true}`, which ends all
connections; `{"anew": PARTITIONS}`, which makes the event hub anew under its old name; or
`{"refuse": STATUS}`, which it answers to every token and question from then on, until that is null. Standard
output is one JSON object a line: `{"port"}` once, then `{"partition", "group", "selector"}` for each
reader that begins.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from proton import Condition, Message, symbol, timestamp  # type: ignore[import-not-found] # Debian's
from proton.handlers import MessagingHandler  # type: ignore[import-not-found] # see above
from proton.reactor import ApplicationEvent, Container, EventInjector  # type: ignore[import-not-found] # see above

from support.eventhub import proxy

_SELECTOR = re.compile(r"amqp\.annotation\.x-opt-(offset|sequence-number) (>=?) '(-?\d+|@latest)'")
_EPOCH, _STOLEN = symbol("com.microsoft:epoch"), "amqp:link:stolen"
_GROUPS = ("$Default", "pi-auto")
_OFFSET_STEP = 64  # offsets are octets at Event Hubs, and rise by more than one


@dataclass
class Reader:
    """A receiving link, and the number of the event that goes to it next."""

    group: str
    partition: str
    next: int


class EventHub(MessagingHandler):  # type: ignore[misc] # see above
    """All partitions, kept in memory; readers come and go."""

    def __init__(self, port: int, name: str, partitions: int, injector: Any) -> None:
        super().__init__()
        self.port, self.name, self.injector = port, name, injector
        self.created, self.events = 1_700_000_000_000, _empty(partitions)
        self.refusal: int | None = None
        self.readers: dict[Any, Reader] = {}  # by their links
        self.refused: set[Any] = set()
        self.answers: dict[tuple[str, Any], Any] = {}  # links by $cbs or $management, and connection

    def on_start(self, event: Any) -> None:
        event.container.selectable(self.injector)
        event.container.listen(f"127.0.0.1:{self.port}")

    def on_connection_bound(self, event: Any) -> None:
        """Told in as many words, as Microsoft's service does; azure-eventhub knows no default for them."""
        event.transport.max_frame_size, event.transport.channel_max = 65536, 255

    def on_arrive(self, event: Any) -> None:
        log = self.events[event.subject["partition"]]
        log.append(_message(event.subject, len(log)))
        for link in list(self.readers):
            self._send(link)

    def on_refuse(self, event: Any) -> None:
        self.refusal = event.subject["refuse"]
        proxy.cut()

    def on_anew(self, event: Any) -> None:
        self.created += 1000
        self.events = _empty(event.subject["anew"])
        proxy.cut()

    def on_link_opening(self, event: Any) -> None:
        link = event.link
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if not link.is_sender:
            return
        address = link.remote_source.address
        if address.endswith(("$cbs", "$management")):
            self.answers[_service(address), event.connection] = link
        else:
            self._read(link, address)

    def on_link_opened(self, event: Any) -> None:
        if event.link in self.refused:
            self.refused.remove(event.link)
            what = f"there is no {event.link.remote_source.address}"
            event.link.condition = Condition("amqp:not-found", what, {"what": what})
            event.link.close()

    def _read(self, link: Any, address: str) -> None:
        path = rf"(?:amqps?://[^/]*/)?{re.escape(self.name)}/ConsumerGroups/([^/]+)/Partitions/(\d+)"
        match = re.fullmatch(path, address)
        if not match or match[1] not in _GROUPS or match[2] not in self.events:
            self.refused.add(link)  # and closed once it is open: proton opens again what is closed here
            return
        group, partition = match.groups()
        selector = _selector(link.remote_source.filter)
        _say({"partition": partition, "group": group, "selector": selector})
        self._steal(group, partition, _epoch(link))
        self.readers[link] = Reader(group, partition, _first(selector, len(self.events[partition])))

    def _steal(self, group: str, partition: str, epoch: int | None) -> None:
        """A reader with an epoch takes the partition from the one before; all readers here have epoch 0."""
        for link, reader in list(self.readers.items()):
            if epoch is not None and (reader.group, reader.partition) == (group, partition):
                del self.readers[link]
                link.condition = Condition(_STOLEN, "a reader with as high an epoch has come", {"epoch": epoch})
                link.close()

    def on_sendable(self, event: Any) -> None:
        self._send(event.link)

    def _send(self, link: Any) -> None:
        reader = self.readers.get(link)
        if reader is None:
            return
        log = self.events[reader.partition]
        while link.credit > 0 and reader.next < len(log):
            link.send(log[reader.next])
            reader.next += 1

    def on_message(self, event: Any) -> None:
        """A question to $cbs or $management."""
        asked, service = event.message, _service(event.link.target.address)
        link = self.answers.get((service, event.connection))
        if link is None:
            return
        status, body = (202, None) if service == "$cbs" else self._managed(asked.properties)
        status = self.refusal or status
        answer = Message(body, correlation_id=asked.id, inferred=False)
        answer.properties = {"status-code": status, "status-description": "OK" if status < 300 else "NotFound"}
        link.send(answer)

    def _managed(self, properties: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        kind, name = properties.get("type"), properties.get("name")
        if name != self.name:
            return 404, {}
        if kind == "com.microsoft:eventhub":
            created, names = timestamp(self.created), list(self.events)
            return 200, {"type": kind, "name": name, "created_at": created, "partition_ids": names}
        log = self.events[properties["partition"]]
        return 200, {
            "type": kind,
            "name": name,
            "partition": properties["partition"],
            "begin_sequence_number": 0,
            "last_enqueued_sequence_number": len(log) - 1,
            "last_enqueued_offset": str((len(log) - 1) * _OFFSET_STEP if log else -1),
            "last_enqueued_time_utc": timestamp(int(time.time() * 1000)),
            "is_partition_empty": not log,
        }

    def on_link_closing(self, event: Any) -> None:
        self.readers.pop(event.link, None)

    def on_disconnected(self, event: Any) -> None:
        for link in [link for link in self.readers if link.connection == event.connection]:
            del self.readers[link]
        for key in [key for key in self.answers if key[1] == event.connection]:
            del self.answers[key]


def _empty(partitions: int) -> dict[str, list[Any]]:
    return {str(number): [] for number in range(partitions)}


def _service(address: str) -> str:
    return "$cbs" if address.endswith("$cbs") else "$management"


def _message(said: dict[str, Any], number: int) -> Any:
    message = Message(base64.b64decode(said["body"]), inferred=True)
    message.annotations = {symbol(name): value for name, value in said.get("annotations", {}).items()} | {
        symbol("x-opt-sequence-number"): number,
        symbol("x-opt-offset"): str(number * _OFFSET_STEP),
        symbol("x-opt-enqueued-time"): timestamp(int(time.time() * 1000)),
    }
    message.properties = said.get("application") or None
    for name, value in said.get("properties", {}).items():
        setattr(message, name, value)
    return message


def _selector(filters: Any) -> str:
    """The text of the one selector in a source's filter."""
    filters.rewind()
    filters.next()
    (described,) = filters.get_object().values()
    return str(described.value)


def _first(selector: str, count: int) -> int:
    """The number of the first event that a selector lets through."""
    match = _SELECTOR.fullmatch(selector)
    assert match, selector
    kind, comparison, value = match.groups()
    if value == "@latest":
        return count
    if kind == "offset" and int(value) < 0:
        return 0
    number = int(value) if kind == "sequence-number" else int(value) // _OFFSET_STEP
    return number if comparison == ">=" else number + 1


def _epoch(link: Any) -> int | None:
    properties = link.remote_properties
    if properties is None:
        return None
    if hasattr(properties, "rewind"):
        properties.rewind()
        properties.next()
        properties = properties.get_object()
    return dict(properties).get(_EPOCH)


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _listen_to(lines: Iterable[str], injector: Any) -> None:
    for line in lines:
        said = json.loads(line)
        if said.get("cut"):
            proxy.cut()
        else:
            name = next((name for name in ("anew", "refuse") if name in said), "arrive")
            injector.trigger(ApplicationEvent(name, subject=said))


def main() -> None:
    """Serve until standard input ends."""
    inner, listener = _free_port(), socket.create_server(("127.0.0.1", 0))
    injector = EventInjector()
    container = Container(EventHub(inner, sys.argv[1], int(sys.argv[2]), injector))
    threading.Thread(target=container.run, daemon=True).start()
    threading.Thread(target=proxy.serve, args=(listener, inner), daemon=True).start()
    _say({"port": listener.getsockname()[1]})
    _listen_to(sys.stdin, injector)


if __name__ == "__main__":
    main()
