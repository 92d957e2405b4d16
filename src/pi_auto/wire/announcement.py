"""How a server announces itself on its network, by mDNS: the names of it. Nobody believes what is announced."""

from __future__ import annotations

SERVICE_TYPE = "_pi-auto._tcp.local."
FLEET_KEY = "fleet"  # of the TXT record: the fleet's id; the SRV record bears the port of HTTPS
HTTP_KEY = "http"  # the port without TLS, where there is one
DNS_NAME = "pi-auto"  # in the search domain of a network whose keeper names the server there
