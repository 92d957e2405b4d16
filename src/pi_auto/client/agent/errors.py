"""What can go wrong between device and server or hub, named by who must act, and whether waiting helps."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A call to the server that has not done its work; `retry_after` is the wait it asks for, in seconds."""

    retry_after: float = 0.0


class Unreachable(ApiError):  # noqa: N818 - named for what has happened
    """The network or the server is down or busy: the same call may work later."""


class WrongDates(Unreachable):
    """Its certificate is good but for the dates: not valid yet, or not any more, by this device's clock."""


class Throttled(ApiError):  # noqa: N818 - named for what has happened
    """The server asks for patience."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Garbled(ApiError):  # noqa: N818 - named for what has happened
    """What answered does not speak our language: a captive portal, a proxy. Later may be better."""


class Unauthorized(ApiError):  # noqa: N818 - named for what has happened
    """The server does not take this token (any more): the device must register again."""


class Refused(ApiError):  # noqa: N818 - named for what has happened
    """The server will never take this very request; `error` is what it says about it, `answer` all it says."""

    def __init__(self, status: int, error: str, answer: dict[str, Any] | None = None) -> None:
        super().__init__(f"refused with status {status}: {error}")
        self.status, self.error, self.answer = status, error, answer or {}


class Deferred(ApiError):  # noqa: N818 - named for what has happened
    """The server has noted the request and not done it (status 202)."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("noted, and not done yet")
        self.answer = answer


class NotEnrolled(ApiError):  # noqa: N818 - named for what has happened
    """The fleet has not taken this device in, or not yet: a person must act, as `remedy` says.

    `reason` is a word of wire's `verdicts`.
    """

    def __init__(self, message: str, retry_after: float, reason: str, remedy: str = "") -> None:
        super().__init__(message)
        self.retry_after, self.reason, self.remedy = retry_after, reason, remedy


class HubError(Exception):
    """The hub cannot be used now."""


class HubLost(HubError):  # noqa: N818 - named for what has happened
    """The hub cannot be reached, or the connection to it is gone."""


class HubUnreached(HubLost):
    """Nothing that speaks as a hub does could be reached by this way: another way may be open."""


class HubRejected(HubError):  # noqa: N818 - named for what has happened
    """The hub does not take this device's credentials (any more): the server must be asked for new ones."""
