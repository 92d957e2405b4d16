"""What the hub does for one connected device: the state machine between its packets and the hub's stores.

Packets go in, bytes and effects come out through an Outlet. It knows one device only, the
one that proved itself, so nothing of another can come into its answers. A device is told
that something is stored when it is on disk, never before.
"""

from __future__ import annotations

import time

from pi_auto.hub.auth import Admission, NotAuthorizedError, admit
from pi_auto.hub.database import BusyError
from pi_auto.hub.letter import Letter
from pi_auto.hub.mqtt import packets
from pi_auto.hub.mqtt.packets import Connect, Packet, ProtocolError, Publish, ReturnCode, Subscribe, Will
from pi_auto.hub.receipts import Receipt
from pi_auto.hub.requests import twin_request
from pi_auto.hub.services import Services
from pi_auto.hub.sessions import telemetry, twin
from pi_auto.hub.sessions.conversation import Conversation, Outlet, State
from pi_auto.hub.sessions.letters import Letters
from pi_auto.hub.sessions.subscribing import Subscribing
from pi_auto.wire import hublink, topics

LONGEST_SILENCE = 1767.0  # seconds; IoT Hub's maximum, also for a keepalive of 0

_ALLOWED: dict[State, tuple[type[Packet], ...]] = {
    State.NEW: (Connect,),
    State.ONLINE: (
        packets.Puback, Subscribe, packets.Unsubscribe, packets.Pingreq, packets.Disconnect,
    ),
    State.ENDED: (),
}  # fmt: skip


class Session(Conversation):
    """One connection's conversation, from CONNECT to its end."""

    __slots__ = ("_intake", "_letters", "_subscribing", "_will")

    def __init__(self, hub: Services, outlet: Outlet) -> None:
        super().__init__(hub, outlet)
        self._will: Will | None = None
        self._intake = telemetry.Intake(self)
        self._letters = Letters(self)
        self._subscribing = Subscribing(self, self._letters)

    def handle(self, packet: Packet) -> None:
        """Do what a packet asks for. Raises ProtocolError if it breaks the rules."""
        if isinstance(packet, Publish) and self.state is State.ONLINE:  # first, since it comes all day
            self._publish(packet)
            return
        if not isinstance(packet, _ALLOWED[self.state]):
            raise ProtocolError(f"a {type(packet).__name__.upper()} {self.state.value}")
        match packet:
            case packets.Pingreq():
                self.outlet.send(packets.PINGRESP)
            case Connect():
                self._connect(packet)
            case Subscribe():
                self._subscribing.subscribe(packet)
            case packets.Unsubscribe():
                self._subscribing.unsubscribe(packet)
            case packets.Disconnect():
                self.end(clean=True)
            case packets.Puback():
                self._letters.acknowledged(packet.packet_id)

    def turn_over(self) -> None:
        """All packets that came together have been handled."""
        self._intake.finish()

    # What others of the hub hand to the device.

    def tell_desired(self, patch: bytes, version: int) -> None:
        """Hand the device a change of its desired properties, if it has subscribed to them."""
        self.tell(topics.DESIRED_PATCHES, topics.desired_patch(version), patch)

    @property
    def takes_letters(self) -> bool:
        """Whether the device has subscribed to cloud-to-device messages."""
        return self.letters_topic in self.subscriptions

    def tell_letter(self, letter: Letter) -> None:
        """Hand the device a cloud-to-device message, if it has subscribed to them."""
        self._letters.tell(letter)

    def call_method(self, name: str, request_id: str, payload: bytes) -> bool:
        """Hand the device a call of a method, if it has subscribed to them and reads what it is sent."""
        return not self.outlet.backed_up and self.tell(
            topics.METHODS, topics.method_call(name, request_id), payload
        )

    def end(self, *, clean: bool) -> None:
        """The connection is over; a will is published unless the device said good-bye. Idempotent."""
        was_online, self.state = self.online, State.ENDED
        if was_online:
            last_active = self.active_ms
            if self._will and not clean:
                telemetry.leave_will(self, self._will)
            self.append(hublink.DISCONNECTED)
            self.hub.switchboard.leave(self.device_id, self)
            self.hub.presences.moved(self.device_id, self.active_ms, last_active)  # when the record says
        self.outlet.close()

    # What the device wants.

    def _connect(self, connect: Connect) -> None:
        try:
            admission = admit(connect, self.hub.registry, self.hub.policies, self.hub.host, time.time())
        except NotAuthorizedError as error:
            self.hub.complaints.say(f"{connect.client_id[:128]} is refused", str(error))
            self._turn_away(ReturnCode.NOT_AUTHORIZED)
            return
        if self.hub.throttles.allow("connections") > 0:
            self.hub.complaints.say(admission.device_id, "turned away: too many connections a second")
            self._turn_away(ReturnCode.SERVER_UNAVAILABLE)
            return
        self._accept(connect, admission)

    def _turn_away(self, code: ReturnCode) -> None:
        self.outlet.send(packets.connack(code))
        self.end(clean=True)

    def _accept(self, connect: Connect, admission: Admission) -> None:
        prefix = topics.telemetry_prefix(admission.device_id)
        if connect.will:
            telemetry.checked_bag(connect.will.topic, prefix, connect.will.payload)
        self.device_id, self.letters_topic = admission.device_id, topics.devicebound(admission.device_id)
        self._intake.prefix, self._will = prefix, connect.will
        try:
            present = self._subscribing.recall(clean=connect.clean_session)
        except BusyError:
            self._turn_away(ReturnCode.SERVER_UNAVAILABLE)
            return
        # IoT Hub: a second connection of one id drops the first.
        self.hub.switchboard.enter(self.device_id, self)
        self.state = State.ONLINE
        self.append(hublink.CONNECTED)
        self.hub.presences.moved(self.device_id, self.active_ms, self.active_ms)
        silence = min(connect.keepalive * 1.5 or LONGEST_SILENCE, LONGEST_SILENCE)
        self.outlet.admitted(telemetry.MOST_PACKET, silence, admission.until)
        self.outlet.send(packets.connack(ReturnCode.ACCEPTED, present=present))
        self._subscribing.listen()

    def _publish(self, publish: Publish) -> None:
        if publish.qos > 1:
            raise ProtocolError("a PUBLISH of QoS 2")  # IoT Hub closes the connection
        if not publish.topic.startswith("$"):
            self._intake.take(publish)
            return
        self._intake.finish()  # what came before is acknowledged before [MQTT-4.6.0-2]
        receipt = self.receipts.owe(publish.packet_id) if publish.qos else None
        if request := twin_request(publish.topic):
            twin.take(self, request, receipt, publish.payload)
        elif answer := topics.parse_method_answer(publish.topic):
            self._answer_method(answer, receipt, publish.payload)
        else:
            own = self._intake.prefix
            raise ProtocolError(f"a message to the topic {publish.topic[:128]!r}; its own is {own}")

    def _answer_method(self, answer: tuple[int, str], receipt: Receipt | None, payload: bytes) -> None:
        status, request_id = answer
        if not self.hub.methods.answered(self.device_id, request_id, status, payload):
            self.hub.complaints.say(self.device_id, "an answer to a method that nobody waits for")
        self.settle(receipt)
