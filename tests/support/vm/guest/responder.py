"""Inside a virtual Pi: answers whoever asks by mDNS, to the asker alone, with the octets in a file."""

import socket
import struct
import sys
from pathlib import Path

answer = Path(sys.argv[1]).read_bytes()
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(("", 5353))
for number, _ in socket.if_nameindex():
    group = struct.pack("=4s4si", socket.inet_aton("224.0.0.251"), bytes(4), number)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
while True:
    _octets, who = sock.recvfrom(9000)
    sock.sendto(answer, who)
