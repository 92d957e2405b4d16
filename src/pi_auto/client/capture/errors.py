"""Why capture cannot do what a person asked for."""


class CaptureRefused(Exception):  # noqa: N818 - names what happened
    """A wrong setting or file; the person must act. The message says path, value and what is allowed."""


class RecordingError(CaptureRefused):
    """A recording that cannot be read to its end; the message names file and line."""


class NotTakenOver(CaptureRefused):
    """No other capture reads on; the one that runs goes on as if nothing had been. The message says why.

    `is_fault`: the other one has failed; else it just cannot be, or not now.
    """

    def __init__(self, said: str, *, is_fault: bool = False) -> None:
        super().__init__(said)
        self.is_fault = is_fault
