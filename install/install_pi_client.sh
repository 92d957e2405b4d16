#!/bin/bash
# Installs the Pi Auto Client, or repairs or upgrades it. pi_auto_client.py has to lie beside this file.
#
#   sudo ./install_pi_client.sh [--card FILE] [--server URL] [--trust-first-server] [--insecure-plain-http] [--wifi-country CC]
#
#   --card FILE             the fleet card, fleet.json, as the server hands it out: whose device this is
#   --secret FILE           holds the one-time secret that lets it in (pi-auto-server enrolment preauthorise)
#   --change-fleet          also if it belongs to another fleet
#   --server URL            the fleet server, such as https://fleet.example:5443; a card mostly names it
#   --trust-first-server    for laboratories: without a card, belong to whichever server answers first
#   --insecure-plain-http   allow a server without TLS across a network: anybody there can read along
#   --wifi-country CC       the country of its Wi-Fi, such as DE: Raspberry Pi OS keeps the radio off until told
#
# This part looks at the machine and installs the Debian packages that are missing. What changes the machine
# otherwise is `pi_auto_client.py setup`, which puts everything back if it cannot finish.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd) # piped into bash it lies nowhere: what is beside the person counts
client=$here/pi_auto_client.py
root_needed_kb=102400

fail() {
    echo "install_pi_client.sh: $1" >&2
    exit 1
}

check_machine() {
    [ "$(id -u)" = 0 ] || fail "must be run by root: sudo ./install_pi_client.sh"
    [ -f "$client" ] || fail "pi_auto_client.py is missing; copy it to $here, beside this file"
    if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
        fail "this system is not supported; it takes Raspberry Pi OS or Debian, 12 or newer"
    fi
    local architecture
    architecture=$(dpkg --print-architecture)
    case "$architecture" in
        armhf | arm64 | amd64) ;;
        *) fail "architecture $architecture is not supported; supported: armhf, arm64, amd64" ;;
    esac
    [ -d /run/systemd/system ] || fail "systemd does not run here; the services need it to be started and watched"
    local free
    free=$({ df --output=avail -k /opt /var /etc 2>/dev/null || true; } | tail -n +2 | sort -n | head -n 1 | tr -d ' ')
    [ "${free:-$root_needed_kb}" -ge "$root_needed_kb" ] ||
        fail "only $((free / 1024)) MB of disk are free; $((root_needed_kb / 1024)) MB are needed"
}

# The packages that are missing, judged by what they are needed for, not by their names.
missing_packages() {
    python3 -I -c 'import ssl, sqlite3, ctypes, zipfile' 2>/dev/null || echo python3
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    command -v openssl >/dev/null || echo openssl
    command -v logrotate >/dev/null || [ -x /usr/sbin/logrotate ] || echo logrotate
    command -v udevadm >/dev/null || echo udev
}

install_packages() {
    local packages said
    mapfile -t packages < <(missing_packages)
    [ "${#packages[@]}" -gt 0 ] || return 0
    echo "Installing ${packages[*]} ..."
    said=$(mktemp)
    if ! apt_install "$said" "${packages[@]}" && ! apt_install_anew "$said" "${packages[@]}"; then
        local trouble
        trouble=$(apt_trouble "$said")
        rm -f "$said"
        fail "${packages[*]} could not be installed: $trouble; nothing else was changed"
    fi
    rm -f "$said"
}

apt_get() {
    local said=$1
    shift
    DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o "DPkg::Lock::Timeout=${PI_AUTO_APT_PATIENCE:-120}" "$@" >>"$said" 2>&1
}

apt_install() {
    local said=$1
    shift
    apt_get "$said" install -y --no-install-recommends "$@"
}

# What apt knows may be old, or nothing at all; its lists are fetched, and it tries again. Lists that cannot be fetched
# are only a warning to apt, which is why its words are kept until it is known whether the package came.
apt_install_anew() {
    : >"$1"
    apt_get "$1" update || true
    apt_install "$@"
}

apt_trouble() {
    if grep -qi "could not get lock\|unable to lock\|is another process using it" "$1"; then
        echo "another program is installing packages; wait until it has finished, then run this again"
    elif grep -qi "dpkg was interrupted" "$1"; then
        echo "an earlier installation of packages was interrupted; run sudo dpkg --configure -a, then this again"
    elif grep -qi "no space left\|don't have enough free space" "$1"; then
        echo "the disk is full; make room, then run this again"
    elif grep -qi "could not resolve\|temporary failure resolving\|could not connect\|network is unreachable\|failed to fetch\|connection timed out" "$1"; then
        echo "there is no network, or the Debian mirror cannot be reached; connect the Pi to a network, then run this again"
    else
        grep -m 1 "^E:" "$1" || tail -n 1 "$1"
    fi
}

check_python_and_client() {
    python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed, this is $(python3 --version 2>&1); it takes Raspberry Pi OS or Debian, 12 or newer"
    python3 -I "$client" --version >/dev/null 2>&1 ||
        fail "$client is incomplete or damaged; copy it to the Pi again"
}

main() {
    trap 'fail "interrupted; the former state still holds, run this again"' INT TERM HUP
    check_machine
    install_packages
    check_python_and_client
    trap - INT TERM HUP
    exec python3 -I "$client" setup "$@"
}

main "$@"
