"""What the service side answers when it will not: status, code and sentence as Azure IoT Hub writes them.

Source: Microsoft, "IoT Hub error codes", and the error model of the azure-iot-hub SDK.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from aiohttp import web

from pi_auto.wire.times import format_time

CODES = {
    "ArgumentInvalid": (400, 400004),
    "InvalidProtocolVersion": (400, 400001),
    "IotHubUnauthorizedAccess": (401, 401002),
    "IotHubQuotaExceeded": (403, 403002),
    "DeviceMaximumQueueDepthExceeded": (403, 403004),
    "DeviceNotFound": (404, 404001),
    "DeviceNotOnline": (404, 404103),
    "NotFound": (404, 404000),
    "MethodNotAllowed": (405, 405000),
    "DeviceAlreadyExists": (409, 409001),
    "PreconditionFailed": (412, 412001),
    "RequestEntityTooLarge": (413, 413001),
    "ThrottlingException": (429, 429001),
    "ServerError": (500, 500001),
    "NotImplemented": (501, 501000),
    "GatewayTimeout": (504, 504101),
}


class RefusedError(Exception):
    """A request that is answered with an error; `code` is one of CODES."""

    def __init__(self, code: str, sentence: str, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.retry_after = code, sentence, retry_after


def response(error: RefusedError) -> web.Response:
    """The error as an answer."""
    status, number = CODES[error.code]
    now = format_time(datetime.now(UTC))
    body = {
        "Message": f"ErrorCode:{error.code};{error.sentence}",
        "ExceptionMessage": f"Tracking ID:{secrets.token_hex(16)}-TimeStamp:{now}",
        "errorCode": number,
    }
    headers = {"iothub-errorcode": error.code}
    if error.retry_after:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return web.json_response(body, status=status, headers=headers)
