"""Cloud-to-device messages and kept sessions: on disk, delivered until acknowledged, and nobody else's."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pi_auto.hub.mailbox import MOST_DELIVERIES, MOST_MESSAGE, MOST_PENDING, MailboxFull, Message, encode_bag
from pi_auto.wire import topics
from support.hub import running_hub
from support.inner_hub import inner_hub
from support.mqtt import RawDevice, subscribe_packet
from support.service import Service

DEVICEBOUND = topics.devicebound("pi-1")


def puback(number: int) -> bytes:
    return struct.pack(">BBH", 0x40, 2, number)


@pytest.mark.parametrize(
    ("message", "bag"),
    [
        (Message(b""), "$.to=%2Fdevices%2Fpi-1%2Fmessages%2Fdevicebound"),
        (
            Message(
                b"", "m 1", "c", "u", {"none": None, "empty": "", "a&b": "ü"}, 1000, "text/plain", "utf-8", "full"
            ),
            (
                "$.mid=m%201&$.to=%2Fdevices%2Fpi-1%2Fmessages%2Fdevicebound&$.cid=c&$.uid=u&$.ct=text%2Fplain"
                "&$.ce=utf-8&$.exp=1970-01-01T00%3A00%3A01.000Z&iothub-ack=full&none&empty=&a%26b=%C3%BC"
            ),
        ),
    ],
)
def test_the_bag_tells_no_value_from_an_empty_one(message: Message, bag: str) -> None:
    assert encode_bag("pi-1", message) == bag


def test_a_message_is_sent_until_it_is_acknowledged_and_then_never_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with inner_hub(tmp_path) as hub:
            known = await hub.put_device("pi-1")
            await hub.services.mailbox.send("pi-1", Message(b"waited"))

            def first() -> int:
                with RawDevice(hub.mqtt_address) as raw:
                    raw.connect(known)
                    raw.send(puback(77) + subscribe_packet(DEVICEBOUND))
                    assert raw.receive(5) == b"\x90\x03\x00\x07\x01"
                    again, number, topic, body = raw.message()
                    assert (again, body) == (False, b"waited")
                    assert topic.startswith("devices/pi-1/messages/devicebound/$.to=")
                    return number

            def second(number: int) -> None:
                with RawDevice(hub.mqtt_address) as raw:
                    raw.connect(known)
                    raw.send(subscribe_packet(DEVICEBOUND))
                    raw.receive(5)
                    assert raw.message()[:2] == (True, number)
                    raw.send(puback(number) + b"\xc0\x00")
                    assert raw.receive(2) == b"\xd0\x00"

            number = await asyncio.to_thread(first)
            await asyncio.to_thread(second, number)
            assert (await hub.services.mailbox.pending("pi-1")).letters == []

    asyncio.run(run())


def test_what_is_too_much_too_old_or_for_nobody_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with inner_hub(tmp_path) as hub:
            mailbox = hub.services.mailbox
            await hub.put_device("pi-1")
            await hub.put_device("pi-2")
            with pytest.raises(ValueError, match=f"at most {MOST_MESSAGE}"):
                await mailbox.send("pi-1", Message(b"x" * MOST_MESSAGE))
            with pytest.raises(ValueError, match="run out"):
                await mailbox.send("pi-1", Message(b"x", expires_at_ms=1))
            with pytest.raises(LookupError, match="nobody"):
                await mailbox.send("nobody", Message(b"x"))
            for number in range(MOST_PENDING):
                await mailbox.send("pi-1", Message(b"%d" % number))
            with pytest.raises(MailboxFull, match="50 messages wait for pi-1"):
                await mailbox.send("pi-1", Message(b"x"))
            waiting = (await mailbox.pending("pi-1")).letters
            assert [letter.body for letter in waiting] == [b"%d" % number for number in range(MOST_PENDING)]
            assert len({letter.packet_id for letter in waiting}) == MOST_PENDING
            assert (await mailbox.pending("pi-2")).letters == []
            assert await mailbox.purge("pi-1") == MOST_PENDING
            await mailbox.send("pi-2", Message(b"soon over", expires_at_ms=time.time_ns() // 1_000_000 + 300))
            await asyncio.sleep(0.35)
            assert (await mailbox.pending("pi-2")).letters == []

    asyncio.run(run())


def test_properties_that_no_topic_can_hold_are_refused_and_block_nobody(tmp_path: Path) -> None:
    """Below the 64 KB of a message there is a length that MQTT cannot send: it would stand before all others."""

    def filled(size: int) -> Message:
        empty = len(encode_bag("pi-1", Message(b"", properties={"p": ""})))
        return Message(b"", properties={"p": "x" * (size - empty)})

    async def run() -> None:
        async with inner_hub(tmp_path) as hub:
            known = await hub.put_device("pi-1")
            longest = 0xFFFF - len(DEVICEBOUND[:-1])
            for size in (longest + 1, MOST_MESSAGE):
                with pytest.raises(ValueError, match="no topic can hold"):
                    await hub.services.mailbox.send("pi-1", filled(size))
            await hub.services.mailbox.send("pi-1", filled(longest))
            await hub.services.mailbox.send("pi-1", Message(b"behind it"))

            def device() -> None:
                with RawDevice(hub.mqtt_address) as raw:
                    raw.connect(known)
                    raw.send(subscribe_packet(DEVICEBOUND))
                    raw.receive(5)
                    assert len(raw.message()[2]) == 0xFFFF
                    assert raw.message()[3] == b"behind it"

            await asyncio.to_thread(device)

    asyncio.run(run())


def test_a_kept_session_is_there_after_a_restart_and_a_clean_one_ends_it(tmp_path: Path) -> None:
    async def begin() -> None:
        async with inner_hub(tmp_path) as hub:
            known = await hub.put_device("pi-1")

            def device() -> None:
                with RawDevice(hub.mqtt_address) as raw:
                    assert raw.connect(known, clean=False) == b"\x20\x02\x00\x00"
                    raw.send(subscribe_packet(DEVICEBOUND, qos=2) + subscribe_packet(topics.devicebound("pi-2")))
                    assert raw.receive(10) == b"\x90\x03\x00\x07\x01" + b"\x90\x03\x00\x07\x80"

            await asyncio.to_thread(device)
            await hub.services.mailbox.send("pi-1", Message(b"while away"))

    async def go_on() -> None:
        async with inner_hub(tmp_path) as hub:
            known = await hub.put_device("pi-1")

            def device() -> None:
                with RawDevice(hub.mqtt_address) as raw:
                    assert raw.connect(known, clean=False) == b"\x20\x02\x01\x00"
                    assert raw.message()[3] == b"while away"
                with RawDevice(hub.mqtt_address) as raw:
                    assert raw.connect(known) == b"\x20\x02\x00\x00"
                with RawDevice(hub.mqtt_address) as raw:
                    assert raw.connect(known, clean=False) == b"\x20\x02\x00\x00"

            await asyncio.to_thread(device)

    asyncio.run(begin())
    asyncio.run(go_on())


KILLED = """
import asyncio, os, pathlib, signal, sys
from pi_auto.hub.mailbox import Message
from support.hub import running_hub
from support.inner_hub import inner_hub

async def run():
    async with inner_hub(pathlib.Path(sys.argv[1])) as hub:
        await hub.put_device("pi-1")
        await hub.services.mailbox.send("pi-1", Message(b"acknowledged"))
        await hub.services.mailbox.send("pi-1", Message(b"waits"))
        await hub.services.mailbox.acknowledge("pi-1", 2)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(run())
"""


def test_what_was_accepted_waits_and_what_was_acknowledged_is_gone_after_kill_9(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], env=os.environ | {"PYTHONPATH": tests}, check=False
    )
    assert killed.returncode == -signal.SIGKILL

    async def run() -> None:
        async with inner_hub(tmp_path) as hub:
            assert [letter.body for letter in (await hub.services.mailbox.pending("pi-1")).letters] == [b"waits"]

    asyncio.run(run())


def test_a_message_that_is_never_acknowledged_is_delivered_ten_times_and_then_given_up(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--https-port", "0") as hub:
        known, mail = hub.put_device("pi-1"), "/devices/pi-1/messages/devicebound"
        assert Service(hub).ask("POST", mail, b"chokes").status == 204
        for delivery in range(MOST_DELIVERIES):
            with RawDevice(hub.mqtt_address) as raw:
                raw.connect(known)
                raw.send(subscribe_packet(DEVICEBOUND))
                raw.receive(5)
                again, _, _, body = raw.message()
            assert (again, body) == (delivery > 0, b"chokes")
            if delivery == MOST_DELIVERIES // 2:
                hub.kill()
                hub.start()
        assert Service(hub).ask("POST", mail, b"next").status == 204
        with RawDevice(hub.mqtt_address) as raw:
            raw.connect(known)
            raw.send(subscribe_packet(DEVICEBOUND))
            raw.receive(5)
            assert raw.message()[3] == b"next"
        assert "pi-1: messages given up that it did not acknowledge in 10 deliveries: 1" in hub.log()
