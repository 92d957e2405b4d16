"""Whether what becomes of a scan can be shown: the board's LED, and what was set to hang on its header."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.doctor.findings import Verdict, ok, warn
from pi_auto.client.doctor.patient import Patient

_REMEDY = (
    "look at `signal_gpio` in /etc/pi_auto_client.json: is the line right, and held by no other program? Then: "
    "sudo udevadm trigger --action=change --settle --subsystem-match=gpio --subsystem-match=leds; "
    "sudo systemctl restart pi-auto-capture"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What capture tells of its lamps; None where it tells nothing, or nothing yet."""

    is_well: bool | None = None
    said: str = ""


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what capture tells."""
    post = patient.capture_tells().get("signals")
    return Facts(bool(post.news["ok"]), str(post.news["said"])) if post else Facts()


def judge(facts: Facts) -> Verdict:
    """What that means. A device without a lamp works as well as one that has several."""
    if facts.is_well is None:
        return ok("the service that reads scanners tells nothing of them; see the line about the services")
    if facts.is_well:
        return ok(f"what becomes of a scan is {facts.said}")
    return warn(f"what becomes of a scan cannot be shown by {facts.said}", _REMEDY)
