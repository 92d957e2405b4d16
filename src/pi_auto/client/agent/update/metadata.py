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
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from pi_auto.client.agent.errors import ApiError, Refused
from pi_auto.client.agent.update.channel import Channel
from pi_auto.client.agent.update.target import Target
from pi_auto.client.agent.update.trouble import Passing, Wrong
from pi_auto.client.rootchain import LIMITS, newest_root, refreshed, version_of
from pi_auto.files import fsync_folder
from pi_auto.wire.release import MOST_METADATA, MOST_ROOTS

PATH = "/api/ota/metadata/"
_WHOLE = 300.0  # seconds for all metadata together


class SignedWorld:
    """The fleet's metadata as kept in `folder`, refreshed from below `base` on the server that `channel` asks."""

    def __init__(self, folder: Path, channel: Channel, root: bytes, base: str = PATH) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._fetcher, self._base, self._root = folder, _Fetcher(channel), base, root
        try:
            self._updater = self._updater_from(root)
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
            self._updater = refreshed(self._updater_from, self._root, self._folder)
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

    def files_for_one_who_believes(self, root: int) -> list[Path]:
        """What the switcher needs, which believes the roots up to this version: some that follow, and the rest.

        Where it cannot have come from here it gets the first of those that there are.
        """
        newest = newest_root(self._folder)
        first = version_of(self._root) + 1
        versions = range(max(first, root + 1) if root <= newest else first, newest + 1)[:MOST_ROOTS]
        roots = [self._folder / "root_history" / f"{version}.root.json" for version in versions]
        return [*roots, *(self._folder / f"{role}.json" for role in ("timestamp", "snapshot", "targets"))]

    def _updater_from(self, root: bytes) -> Updater:
        return Updater(str(self._folder), self._base, fetcher=self._fetcher, config=LIMITS, bootstrap=root)


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
