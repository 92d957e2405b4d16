#!/bin/sh
# Brings the radios of a virtual Pi: wlan0 is its NetworkManager's; wlan1 is an access point's, which lives in a
# network namespace, `air`, with the Pi's own cable. $1: how that card's address begins, $2: where traffic is kept.
set -eu
modprobe mac80211_hwsim radios=2
in_air() { ip netns exec air "$@"; }
ip netns add air
iw phy "phy$(iw dev wlan1 info | sed -n 's/.*wiphy //p')" set netns name air
cable=$(grep -l "^$1" /sys/class/net/*/address | cut -d/ -f5)
ip link set "$cable" netns air
in_air sysctl -qw net.ipv4.ip_forward=1
in_air ip link set lo up
in_air ip link set "$cable" up
in_air ip address add 10.0.2.15/24 dev "$cable"
in_air ip route add default via 10.0.2.2
in_air ip link set wlan1 up
in_air ip address add 10.9.0.1/24 dev wlan1
in_air nft add table ip nat
in_air nft 'add chain ip nat out { type nat hook postrouting priority 100; }'
in_air nft add rule ip nat out oifname "$cable" masquerade
systemd-run --quiet --unit=rig-leases ip netns exec air dnsmasq --keep-in-foreground --conf-file=/dev/null \
    --no-resolv --interface=wlan1 --bind-dynamic --dhcp-range=10.9.0.50,10.9.0.99,1h --dhcp-leasefile=/run/air.leases
systemd-run --quiet --unit=rig-traffic ip netns exec air tcpdump --immediate-mode -U -Z root -i any -w "$2"
