#!/bin/sh
# Removes the Pi Auto Client. Asks before scans are deleted that have not been delivered.
#   --keep-data   keeps scans, identity, settings, fleet card and the users, for a later installation
#   --yes         asks nothing: undelivered scans are deleted
set -eu

opt=/opt/pi-auto-client
state=/var/lib/pi-auto-client
settings=/etc/pi_auto_client.json
card=/etc/pi_auto_fleet.json
log=/var/log/pi_auto_client.log
units="pi-auto-client.service pi-auto-capture.service pi-auto-trial.service"

fail() {
    echo "uninstall.sh: $1" >&2
    exit 1
}

# How many scans wait for the slower of the two ways; "an unknown number of" where that cannot be told.
undelivered() {
    /usr/local/bin/pi-auto-client status --json 2>/dev/null | python3 -I -c '
import json, sys
print(int(json.load(sys.stdin)["undelivered"]))' 2>/dev/null || echo "an unknown number of"
}

ask_about_scans() {
    [ -d "$state/capture" ] || return 0
    waiting=$(undelivered)
    [ "$waiting" != 0 ] || return 0
    [ -t 0 ] || fail "$waiting scans have not been delivered; keep them with --keep-data, or delete them with --yes"
    printf '%s scans have not been delivered and would be deleted. Delete them? Type yes: ' "$waiting"
    read -r answer || answer=
    [ "$answer" = yes ] || fail "nothing was changed; --keep-data keeps the scans"
}

stop_services() {
    # shellcheck disable=SC2086 # a list of units
    systemctl disable --quiet --now $units 2>/dev/null || true
    systemctl stop pi-auto-wifi.socket pi-auto-wifi.service pi-auto-update.path pi-auto-update.service \
        pi-auto-os-updates.timer pi-auto-os-reboot.timer 2>/dev/null || true
    systemctl stop pi-auto.slice 2>/dev/null || true
}

# What is to be kept is half erased if a factory reset was cut short: that is finished first, which asks nothing.
finish_reset() {
    [ "$keep" = 1 ] && [ -e "$state/factory-reset" ] || return 0
    /usr/local/bin/pi-auto-client factory-reset </dev/null ||
        fail "a factory reset has begun and cannot be finished; nothing else was changed"
}

# Everything that the installation has put outside of its own folder, as the release itself lists it.
remove_system_files() {
    for system in "$opt"/releases/*/app/appliance/system; do
        [ -d "$system" ] || continue
        (cd "$system" && find . -type f) | while IFS= read -r file; do
            rm -f "/${file#./}"
            case "$file" in
                # Drop-ins for others: their folder goes if there was nothing else in it.
                ./etc/systemd/system/*.d/*) rmdir "/${file%/*}" 2>/dev/null || true ;;
            esac
        done
    done
}

# Nobody makes them any more where a card was made ready for cloning: without any, the next boot could not be logged into.
make_host_keys() {
    [ -x /usr/sbin/sshd ] && command -v ssh-keygen >/dev/null || return 0
    ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1 || ssh-keygen -A >/dev/null
}

# What the installer was told by --wifi-country; where raspi-config was told, that stays.
forget_wifi_country() {
    rm -f /etc/modprobe.d/pi-auto-wifi-country.conf
}

tell_the_system() {
    rm -f /run/systemd/system/*.service.d/pi-auto-reset.conf # of a factory reset in this boot
    systemctl daemon-reexec 2>/dev/null || true # also lets go of the hardware watchdog
    # shellcheck disable=SC2086 # a list of units
    systemctl reset-failed $units 2>/dev/null || true
    udevadm control --reload 2>/dev/null || true
    udevadm trigger --settle --action=change --subsystem-match=input --subsystem-match=hidraw --subsystem-match=tty \
        2>/dev/null || true
}

remove_data() {
    rm -rf "$state"
    rm -f "$settings" "$card" "$log" "$log".[0-9]*
    for user in pi-auto pi-auto-capture pi-auto-wifi; do
        if id "$user" >/dev/null 2>&1; then
            userdel "$user" 2>/dev/null || echo "uninstall.sh: user $user could not be removed" >&2
        fi
    done
}

main() {
    keep=0 yes=0
    for option in "$@"; do
        case "$option" in
            --keep-data) keep=1 ;;
            --yes) yes=1 ;;
            *) fail "unknown option $option; allowed: --keep-data, --yes" ;;
        esac
    done
    [ "$(id -u)" = 0 ] || fail "must be run by root: sudo $opt/uninstall.sh"
    finish_reset
    [ "$keep$yes" != 00 ] || ask_about_scans
    stop_services
    remove_system_files
    make_host_keys
    forget_wifi_country
    tell_the_system
    rm -rf "$opt" /run/pi-auto-client-setup.lock
    if [ "$keep" = 1 ]; then
        [ -e "$card" ] || card=
        echo "The Pi Auto Client is removed; kept: $state $settings ${card:+$card }$log and the users pi-auto, pi-auto-capture and pi-auto-wifi."
    else
        remove_data
        echo "The Pi Auto Client is removed."
    fi
    exit 0 # in here, since this file is gone
}

main "$@"
