"""What the fleet has signed about its updates, by python-tuf: the only module that imports it, never in the agent.

Source of the workflow: the TUF specification 5.3 to 5.6 (<https://theupdateframework.github.io/specification/>).
The root that it begins from is handed in each time, so that files which were lost or zeroed are made anew.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from pi_auto.client.agent.errors import ApiError, Refused
from pi_auto.client.agent.update.channel import Channel
from pi_auto.client.agent.update.target import Target
from pi_auto.client.agent.update.trouble import Passing, Wrong
from pi_auto.files import fsync_folder
from pi_auto.wire.release import MOST_METADATA

PATH = "/api/ota/metadata/"
_WHOLE = 300.0  # seconds for all metadata together
_LIMITS = UpdaterConfig(
    root_max_length=MOST_METADATA,
    timestamp_max_length=MOST_METADATA,
    snapshot_max_length=MOST_METADATA,
    targets_max_length=MOST_METADATA,
)


class SignedWorld:
    """The fleet's metadata as kept in `folder`, refreshed from below `base` on the server that `channel` asks."""

    def __init__(self, folder: Path, channel: Channel, root: bytes | None, base: str = PATH) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._fetcher = folder, _Fetcher(channel)
        try:
            self._updater = Updater(str(folder), base, fetcher=self._fetcher, config=_LIMITS, bootstrap=root)
        except RepositoryError as error:
            raise Wrong(f"the update root of this device is no root: {error}") from None

    @property
    def has_consistent_snapshots(self) -> bool:
        """Whether files lie in the repository under names that begin with their hashes."""
        kept = json.loads((self._folder / "root.json").read_bytes())
        return bool(kept["signed"].get("consistent_snapshot"))

    def refresh(self) -> None:
        """Take what is new. Raises Passing for what is not to be believed, ApiError where it cannot be had."""
        try:
            self._updater.refresh()
        except RepositoryError as error:
            raise Passing(f"the signed metadata are not to be believed: {_said(error)}") from None
        except DownloadError as error:
            raise self._fetcher.fault or Passing(f"the signed metadata cannot be used: {_said(error)}") from None
        finally:
            _make_durable(self._folder)

    def target(self, name: str) -> Target:
        """What is signed about a target. Raises Wrong and ApiError."""
        try:
            found = self._updater.get_targetinfo(name)
        except RepositoryError as error:
            raise Passing(f"the signed metadata are not to be believed: {_said(error)}") from None
        except DownloadError as error:
            raise self._fetcher.fault or Passing(f"the signed metadata cannot be used: {_said(error)}") from None
        if found is None:
            raise Wrong(f"nobody has signed {name}")
        return Target(found.path, found.length, dict(found.hashes), dict(found.custom or {}))


class _Fetcher(FetcherInterface):
    """python-tuf's way to the network: our own TLS, names, proxy, deadlines. `fault` is what went wrong last."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._until = time.monotonic() + _WHOLE
        self.fault: ApiError | None = None

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.fault = None  # a root that is not there yet is none
        return self._blocks(url)

    def _blocks(self, url: str) -> Iterator[bytes]:
        if time.monotonic() > self._until:
            raise DownloadError("it takes too long altogether")
        try:
            with self._channel.ask(url) as response:
                yield from self._channel.blocks(response, MOST_METADATA)
        except Refused as error:
            self.fault = error
            raise DownloadHTTPError(str(error), error.status) from error
        except ApiError as error:
            self.fault = error
            raise DownloadError(str(error)) from error


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _make_durable(folder: Path) -> None:
    """python-tuf does not: a power cut would leave empty files, and take the memory of what was newest."""
    for place, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(place, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        fsync_folder(Path(place))
