"""Networks with real addresses on one machine: hosts are network namespaces, cables veth pairs, switches bridges.

net = Net()
shop = net.segment("192.168.50.1/24")            # the router's address on it
server, device = net.host("server"), net.host("device")
shop.plug(server, "eth0", "192.168.50.10/24")
shop.lease(device, "eth0")                        # by DHCP from the router's dnsmasq

Needs root, iproute2, and for leases and names dnsmasq and udhcpc. Everything is gone with `close`.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from support.waiting import wait_until

T = TypeVar("T")
NEEDED = ("ip", "dnsmasq", "udhcpc")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()

_LEASED = """#!/bin/sh
# udhcpc has news: $1 is what, the environment has the rest.
case "$1" in
deconfig) ip address flush dev "$interface"; ip link set "$interface" up ;;
bound | renew)
    ip address replace "$ip/$mask" dev "$interface"
    [ -z "$router" ] || ip route replace default via "$router" dev "$interface"
    {
        [ -z "$domain" ] || echo "search $domain"
        for each in $dns; do echo "nameserver $each"; done
    } >/etc/resolv.conf
    ;;
esac
"""


def missing() -> str:
    """What keeps this machine from having networks; empty if nothing does."""
    if os.getuid():
        return "needs root"
    return ", ".join(f"needs {each}" for each in NEEDED if not shutil.which(each))


def _enter(namespace: Path) -> None:
    """From here on this thread is in that network."""
    with namespace.open("rb") as there:
        if _libc.setns(there.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


class Host:
    """A machine of its own as far as the network goes."""

    def __init__(self, name: str) -> None:
        self.name = f"pa{os.getpid()}-{next(_numbers)}-{name}"
        self._etc = Path("/etc/netns") / self.name
        self._children: list[subprocess.Popen[bytes]] = []
        self._etc.mkdir(parents=True)
        self.names("")
        run("ip", "netns", "add", self.name)
        self.do("ip", "link", "set", "lo", "up")
        self.do("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")

    @property
    def prefix(self) -> list[str]:
        """What a command is run by in here."""
        return ["ip", "netns", "exec", self.name]

    def do(self, *command: str) -> str:
        """Run it in here; its output."""
        return run(*self.prefix, *command)

    def start(self, *command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start it in here; it is killed with the host."""
        with log.open("ab") as output:
            child = subprocess.Popen(
                [*self.prefix, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._children.append(child)
        return child

    def names(self, resolv_conf: str) -> None:
        """Who is asked for names: the content of /etc/resolv.conf. Nobody, where it is empty."""
        (self._etc / "resolv.conf").write_text(resolv_conf or "nameserver 127.0.0.1\n")

    def within(self, work: Callable[[], T]) -> T:
        """Do it on this host's network; a socket that is made so stays there."""
        results: list[T] = []
        failures: list[BaseException] = []

        def enter() -> None:
            try:
                _enter(Path("/run/netns") / self.name)
                results.append(work())
            except BaseException as failure:  # noqa: BLE001 - handed on
                failures.append(failure)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]
        return results[0]

    def listening(self) -> list[str]:
        """Every socket of TCP and UDP that takes what nobody in here has asked for."""
        return [line for line in self.do("ss", "-Hltun").splitlines() if line.strip()]

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()
        subprocess.run(["ip", "netns", "del", self.name], check=False)
        shutil.rmtree(self._etc, ignore_errors=True)


class Segment:
    """A switch with the router on it, at `address` with its bits."""

    def __init__(self, router: Host, number: int, address: str) -> None:
        self._router, self.bridge = router, f"br{number}"
        self._sockets: dict[str, str] = {}
        self.address, self.network = address.partition("/")[0], address.rpartition(".")[0]
        router.do("ip", "link", "add", self.bridge, "type", "bridge", "mcast_snooping", "0")
        router.do("ip", "address", "add", address, "dev", self.bridge)
        router.do("ip", "link", "set", self.bridge, "up")

    def plug(self, host: Host, interface: str, *addresses: str, gateway: bool = True) -> None:
        """A cable from the switch to the host, which has the addresses."""
        there = f"v{os.getpid() % 100_000}-{next(_numbers)}"  # for a moment on the network of all processes
        run("ip", "link", "add", there, "type", "veth", "peer", "name", f"{there}p")
        run("ip", "link", "set", there, "netns", self._router.name)
        run("ip", "link", "set", f"{there}p", "netns", host.name, "name", interface)
        self._router.do("ip", "link", "set", there, "master", self.bridge, "up")
        self._sockets[host.name] = there
        host.do("ip", "link", "set", interface, "up")
        for address in addresses:
            host.do("ip", "address", "add", address, "dev", interface)
        if gateway and addresses:
            host.do("ip", "route", "add", "default", "via", self.address)

    def narrow(self, host: Host, mtu: int) -> None:
        """The switch's end of the host's cable drops what is larger, without a word."""
        self._router.do("ip", "link", "set", self._sockets[host.name], "mtu", str(mtu))

    def lease(self, host: Host, interface: str, folder: Path) -> None:
        """A cable, and an address by DHCP over it."""
        self.plug(host, interface)
        script = folder / "leased"
        script.write_text(_LEASED)
        script.chmod(0o755)
        host.do("udhcpc", "-n", "-q", "-i", interface, "-s", str(script))


class Net:
    """Segments, the router between them, and hosts."""

    def __init__(self) -> None:
        self._hosts: list[Host] = []
        self.router = self.host("router")
        self.router.do("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._count = 0

    def host(self, name: str) -> Host:
        self._hosts.append(Host(name))
        return self._hosts[-1]

    def segment(self, address: str) -> Segment:
        self._count += 1
        return Segment(self.router, self._count, address)

    def serve(
        self, folder: Path, *segments: Segment, domain: str = "", hosts: dict[str, str] | None = None
    ) -> None:
        """The router's DHCP and DNS on the segments: the search domain, and names with their addresses."""
        options = [f"--interface={each.bridge}" for each in segments]
        options += [f"--dhcp-range={each.network}.100,{each.network}.150,1h" for each in segments]
        options += [f"--domain={domain}", f"--dhcp-option=option:domain-search,{domain}"] if domain else []
        options += [f"--host-record={name},{address}" for name, address in (hosts or {}).items()]
        leases = f"--dhcp-leasefile={folder / 'leases'}"
        command = ("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", leases)
        log = folder / "dnsmasq.log"
        self.router.start(*command, f"--pid-file={folder / 'dnsmasq.pid'}", "--bind-dynamic", *options, log=log)
        wait_until(lambda: ":67" in self.router.do("ss", "-Hlun"), what="dnsmasq to give leases")

    def close(self) -> None:
        for host in reversed(self._hosts):
            host.close()


def run(*command: str) -> str:
    """A command that must work; its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout
