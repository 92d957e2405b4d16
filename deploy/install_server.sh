#!/bin/bash
# Installs the fleet server as a service on Debian 12 or newer, or brings it to this version. Books and settings stay.
#
#   sudo ./install_server.sh [--server-name NAME]...   install, upgrade or repair
#   sudo ./install_server.sh --uninstall [--purge]     remove it; --purge deletes data, key and backups too
#
#   --server-name NAME   what devices find this server by: a host name or an address; several times. Only at the
#                        first installation; later it stands in /etc/pi-auto-server/server.conf
#
# Each version has a folder of its own with a virtual environment, and `current` names the one that runs, so that a
# version that does not start is undone. What it needs from Python's index is fixed by version and hash; with a
# folder wheels/ beside this file no index is asked.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=/opt/pi-auto-server
data=/var/lib/pi-auto-server
settings=/etc/pi-auto-server
backups=/var/backups/pi-auto-server
services=(pi-auto-server.service pi-auto-server-backup.timer)

fail() {
    echo "install_server.sh: $1" >&2
    exit 1
}

read_options() {
    names=()
    uninstall='' purge=''
    while [ $# -gt 0 ]; do
        case "$1" in
            --server-name)
                [[ "${2:-}" =~ ^[A-Za-z0-9.:-]+$ ]] || fail "--server-name is '${2:-}'; allowed: a host name or an address"
                names+=("$2")
                shift
                ;;
            --uninstall) uninstall=1 ;;
            --purge) purge=1 ;;
            *) fail "unknown option '$1'; allowed: --server-name NAME, --uninstall, --purge" ;;
        esac
        shift
    done
    [ -z "$purge" ] || [ -n "$uninstall" ] || fail "--purge goes with --uninstall"
}

check_machine() {
    [ "$(id -u)" = 0 ] || fail "must be run by root: sudo ./install_server.sh"
    [ -d /run/systemd/system ] || fail "systemd does not run here; the service needs it to be started and watched"
}

check_release() {
    local found
    mapfile -t found < <(compgen -G "$here/pi_auto-*.whl" || true)
    [ "${#found[@]}" = 1 ] || fail "beside this file has to lie one pi_auto-VERSION.whl; it is ${#found[@]}"
    wheel=${found[0]}
    [ -f "$here/requirements.lock" ] || fail "requirements.lock is missing beside this file"
    python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed; this is older"
    python3 -I -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv is missing: sudo apt install -y python3-venv"
    local free
    free=$(df --output=avail -k /opt /var | tail -n +2 | sort -n | head -n 1 | tr -d ' ')
    [ "$free" -ge 512000 ] || fail "only $((free / 1024)) MB of disk are free; 500 MB are needed"
}

# A folder whose name follows from what is in it: the same version again is not made again.
make_release() {
    local name
    name=$(basename "$wheel" | cut -d- -f2)-$(cat "$wheel" "$here/requirements.lock" | sha256sum | cut -c1-12)
    release=$home/releases/$name
    [ ! -f "$release/complete" ] || return 0
    rm -rf "$release"
    mkdir -p "$home/releases"
    echo "Installing version $name ..."
    python3 -I -m venv "$release"
    local from=()
    [ ! -d "$here/wheels" ] || from=(--no-index --find-links "$here/wheels")
    local pip=("$release/bin/python" -I -m pip --disable-pip-version-check install -q --only-binary ':all:' --no-cache-dir)
    "${pip[@]}" "${from[@]}" --require-hashes --requirement "$here/requirements.lock"
    "${pip[@]}" --no-index --no-deps "$wheel"
    "$release/bin/pi-auto-server" --version >/dev/null
    touch "$release/complete"
    sync -f "$release"
}

put_system_files() {
    (cd "$here/system" && find . -type f -print0) | while IFS= read -r -d '' file; do
        install -D -m "$([ -x "$here/system/$file" ] && echo 755 || echo 644)" "$here/system/$file" "/$file"
    done
    systemd-sysusers pi-auto-server.conf
    mkdir -p "$settings"
    put_settings
    put_key
    systemd-tmpfiles --create pi-auto-server.conf
    install -m 755 "$here/install_server.sh" "$home/install_server.sh"
}

put_settings() {
    [ ! -e "$settings/server.conf" ] || return 0
    [ "${#names[@]}" -gt 0 ] || names=("$(hostname)")
    {
        echo "# Options of pi-auto-server run, on one line; then: sudo systemctl restart pi-auto-server"
        printf 'PI_AUTO_OPTIONS="--http 0.0.0.0:5000 --https 0.0.0.0:5443 --hub-mqtt 0.0.0.0:8883'
        printf ' --server-name %s' "${names[@]}"
        echo '"'
    } >"$settings/.server.conf.tmp"
    chmod 644 "$settings/.server.conf.tmp"
    mv "$settings/.server.conf.tmp" "$settings/server.conf"
}

# Made once. Where there is data already, another key would open nothing of it.
put_key() {
    [ ! -e "$settings/key" ] && [ ! -e "$settings/key.encrypted" ] || return 0
    [ ! -e "$data/trust/authority.sealed" ] ||
        fail "$settings/key is missing, and $data is sealed with it; bring it back from where you keep it"
    (umask 077 && printf 'pi-auto key 1 %s\n' "$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')" >"$settings/.key.tmp")
    sync "$settings/.key.tmp"
    mv -n "$settings/.key.tmp" "$settings/key"
    sync "$settings"
    echo "The key of the server's secrets is $settings/key: keep a copy away from the backups."
}

# A new version may bring the books to a schema that the former cannot read.
back_up() {
    former=$(readlink "$home/current" || true)
    [ -n "$former" ] && [ -e "$data/books.sqlite" ] && [ "$former" != "$release" ] || return 0
    systemctl start pi-auto-server-backup.service || fail "no backup could be made, so nothing was changed: journalctl -u pi-auto-server-backup"
    echo "Backed up to $backups."
}

name_current() {
    ln -sfn "$1" "$home/.current.tmp"
    mv -T "$home/.current.tmp" "$home/current"
}

start() {
    name_current "$release"
    systemctl daemon-reload
    systemctl enable -q "${services[@]}"
    systemctl start pi-auto-server-backup.timer
    # It returns once the server has answered a request.
    systemctl restart pi-auto-server.service && return 0
    journalctl -u pi-auto-server -n 8 -o cat --no-pager >&2 || true
    systemctl stop pi-auto-server.service
    if [ -z "$former" ] || [ "$former" = "$release" ]; then
        fail "the server does not start; what it said stands above"
    fi
    name_current "$former"
    systemctl restart pi-auto-server.service ||
        fail "neither the new version nor the former starts; restore the newest backup in $backups (server.md)"
    fail "the new version does not start, the former runs again; what the new one said stands above"
}

forget_others() {
    local each
    for each in "$home"/releases/*; do
        [ "$each" = "$release" ] || [ "$each" = "$former" ] || rm -rf "$each"
    done
}

remove() {
    systemctl disable -q --now "${services[@]}" pi-auto-server-backup.service 2>/dev/null || true
    rm -rf /etc/systemd/system/pi-auto-server.service /etc/systemd/system/pi-auto-server-backup.{service,timer}
    rm -rf /usr/local/bin/pi-auto-server "$home"
    if [ -n "$purge" ]; then
        rm -rf "$data" "$settings" "$backups" /etc/systemd/system/pi-auto-server{,-backup}.service.d
        rm -f /etc/sysusers.d/pi-auto-server.conf /etc/tmpfiles.d/pi-auto-server.conf
        userdel pi-auto-server 2>/dev/null || true
        systemctl daemon-reload
        echo "The server, its data, its key and its backups are removed."
    else
        systemctl daemon-reload
        echo "The server is removed; $data, $settings and $backups stay."
    fi
}

main() {
    read_options "$@"
    check_machine
    if [ -n "$uninstall" ]; then
        remove
        return
    fi
    check_release
    make_release
    back_up
    put_system_files
    start
    forget_others
    echo "The server is installed and answers. Sign in by the link that this prints: sudo pi-auto-server operator link"
}

main "$@"
