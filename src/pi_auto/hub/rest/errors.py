"""What the service side answers when it will not: status, code and sentence as Azure IoT Hub writes them.

Source: Microsoft, "IoT Hub error codes", and the error model of the azure-iot-hub SDK.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from aiohttp import web

from pi_auto.wire.times import format_time

CODES = {
    "ArgumentInvalid": 400,
    "InvalidProtocolVersion": 400,
    "IotHubUnauthorizedAccess": 401,
    "IotHubQuotaExceeded": 403,
    "DeviceMaximumQueueDepthExceeded": 403,
    "DeviceNotFound": 404,
    "DeviceNotOnline": 404,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "DeviceAlreadyExists": 409,
    "PreconditionFailed": 412,
    "RequestEntityTooLarge": 413,
    "ThrottlingException": 429,
    "ServerError": 500,
    "NotImplemented": 501,
    "GatewayTimeout": 504,
}


class RefusedError(Exception):
    """A request that is answered with an error; `code` is one of CODES."""

    def __init__(self, code: str, sentence: str, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.retry_after = code, sentence, retry_after


def response(error: RefusedError) -> web.Response:
    """The error as an answer."""
    status = CODES[error.code]
    now = format_time(datetime.now(UTC))
    body = {
        "Message": f"ErrorCode:{error.code};{error.sentence}",
        "ExceptionMessage": f"Tracking ID:{secrets.token_hex(16)}-TimeStamp:{now}",
    }
    headers = {"iothub-errorcode": error.code}
    if error.retry_after:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return web.json_response(body, status=status, headers=headers)
