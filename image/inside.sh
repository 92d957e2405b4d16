#!/bin/sh
# Runs in the root folder of an image that is being made, entered by chroot; script/image calls it and tells it by
# SERVER, INSECURE and COUNTRY, which may be empty, and by /run/client.deb, perhaps /run/key.pub and /run/fleet.json.
set -eu

fail() {
    echo "image: $1" >&2
    exit 1
}

install_client() {
    if ! dpkg --install /run/client.deb >/run/said 2>&1; then
        missing=$(sed -n 's/^ *pi-auto-client depends on \([^;]*\);.*/\1/p' /run/said | paste -s -d ,)
        [ -z "$missing" ] || fail "this image lacks $missing, which the client needs; install it there first"
        fail "the package cannot be installed in this image: $(tail -n 1 /run/said)"
    fi
    [ -n "$SERVER$INSECURE" ] || return 0
    pi-auto-client configure ${SERVER:+--server "$SERVER"} ${INSECURE:+--insecure-plain-http} >/dev/null
}

# Twice: first, so that a card which cannot be used is told before anything else is done, and last, since the reset
# takes the batch token away, with which all copies are to be let in.
hand_over_card() {
    [ -e /run/fleet.json ] || return 0
    python3 -I /usr/lib/pi-auto-client/pi_auto_client.py setup --image --card /run/fleet.json --change-fleet \
        >/run/said 2>&1 || fail "--card: $(tail -n 1 /run/said)"
}

# What Raspberry Pi Imager orders for the first boot: a script that would set a password, and what has the kernel call it.
forget_first_run() {
    for boot in /boot/firmware /boot; do
        rm -f "$boot/firstrun.sh"
        [ ! -f "$boot/cmdline.txt" ] || [ -L "$boot/cmdline.txt" ] ||
            sed -i -e 's/ *systemd\.run[^ ]*//g' -e 's/ *systemd\.unit=kernel-command-line\.target//' "$boot/cmdline.txt"
    done
}

# No password opens anything: none is known, none is empty, and nobody is asked to choose one. cloud-init's is taken out
# by the reset.
close_doors() {
    sed -i 's/^\([^:]*\):[^:]*:/\1:*:/' /etc/shadow
    rm -f /etc/shadow- /etc/gshadow- /etc/passwd- /etc/group-
    rm -f /etc/systemd/system/*getty@*.service.d/autologin.conf
    for boot in /boot/firmware /boot; do
        rm -f "$boot/ssh" "$boot/ssh.txt" "$boot/userconf" "$boot/userconf.txt" # would switch SSH on, or set a password
    done
    for unit in userconfig.service ssh.service ssh.socket; do
        systemctl disable --quiet "$unit" 2>/dev/null || true
    done
    if [ -d /etc/ssh ]; then # for those who switch it on later
        mkdir -p /etc/ssh/sshd_config.d
        printf '%s\n' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' 'PermitEmptyPasswords no' \
            >/etc/ssh/sshd_config.d/00-pi-auto-client.conf
    fi
}

let_in_by_key() {
    [ -x /usr/sbin/sshd ] || fail "--ssh-key: there is no SSH server in this image"
    ssh-keygen -l -f /run/key.pub >/dev/null 2>&1 || fail "--ssh-key: this is no public key"
    id pi >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --password '*' pi
    home=$(getent passwd pi | cut -d: -f6)
    install -d -m 700 -o pi -g "$(id -gn pi)" "$home/.ssh"
    install -m 600 -o pi -g "$(id -gn pi)" /run/key.pub "$home/.ssh/authorized_keys"
    if [ -d /etc/sudoers.d ]; then # it has no password to be asked for
        echo 'pi ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/010-pi-auto-client
        chmod 440 /etc/sudoers.d/010-pi-auto-client
    fi
    systemctl enable --quiet ssh.service
}

# As raspi-config does it: tell the kernel, and let go of the block that a Pi without a country has.
set_country() {
    mkdir -p /etc/modprobe.d
    echo "options cfg80211 ieee80211_regdom=$COUNTRY" >/etc/modprobe.d/pi-auto-wifi-country.conf
    for file in /boot/firmware/cmdline.txt /boot/cmdline.txt; do
        [ ! -f "$file" ] || [ -L "$file" ] ||
            sed -i -e 's/ *cfg80211\.ieee80211_regdom=[^ ]*//' -e "1s/\$/ cfg80211.ieee80211_regdom=$COUNTRY/" "$file"
    done
    for file in /var/lib/systemd/rfkill/*:wlan; do
        [ ! -f "$file" ] || echo 0 >"$file"
    done
}

install_client
hand_over_card
close_doors
forget_first_run
[ ! -e /run/key.pub ] || let_in_by_key
[ -z "$COUNTRY" ] || set_country
pi-auto-client factory-reset --for-cloning --image --yes >/dev/null
hand_over_card
