"""Every command line of the server's page, in its order, with what it must show on a machine of its own."""

from __future__ import annotations

from support.guide_lines import Line

ARCHIVE = "pi-auto-server-0.1.0"
_INSTALL = f"sudo {ARCHIVE}/install_server.sh"
_DROP_IN = "/etc/systemd/system/pi-auto-server{}.service.d/{}.conf"
_RELOAD = Line("sudo systemctl daemon-reload")
_RESTART = Line("sudo systemctl restart pi-auto-server")


def _example(name: str, service: str = "") -> Line:
    return Line(f"sudo install -D -m 644 {ARCHIVE}/examples/{name}.conf {_DROP_IN.format(service, name)}")


LINES = (
    Line("sudo apt update && sudo apt install -y python3-venv", "."),
    Line(f"tar xzf {ARCHIVE}.tar.gz"),
    Line(f"{_INSTALL} --server-name fleet.lan --server-name 192.168.1.10", "installed and answers"),
    Line("curl http://localhost:5000/api/health", '"fleet_id"'),
    Line("sudo pi-auto-server operator link", "https://.*login"),
    Line("sudo cat /etc/pi-auto-server/key", "pi-auto key 1 [0-9a-f]{64}"),
    Line("systemctl status pi-auto-server", r"Active: active \(running\)"),
    Line("sudo journalctl -u pi-auto-server -n 50", "pi-auto-server ready: https=0.0.0.0:5443"),
    Line("sudo pi-auto-server enrolment policy", "approve"),
    Line("sudo pi-auto-server enrolment pending", "no device waits"),
    Line("sudo pi-auto-server fleet card --address fleet.lan:5443", '"fleet_id"'),
    Line("sudo systemctl start pi-auto-server-backup"),
    Line("sudo ls -l /var/backups/pi-auto-server", r"-rw------- .* pi-auto-server .*\.pi-auto-backup"),
    Line("systemctl list-timers pi-auto-server-backup", "pi-auto-server-backup.timer"),
    Line(
        "sudo pi-auto-server backup --to /var/backups/pi-auto-server --keep 14", "only the server's key opens it"
    ),
    Line("sudo systemctl stop pi-auto-server"),
    Line("sudo mv /var/lib/pi-auto-server /var/lib/pi-auto-server.before"),
    Line("sudo systemd-tmpfiles --create pi-auto-server.conf"),
    Line(
        "sudo sh -c 'pi-auto-server restore \"$(ls /var/backups/pi-auto-server/*.pi-auto-backup | tail -n 1)\"'",
        "is as it was at",
    ),
    Line("sudo systemctl start pi-auto-server"),
    Line(_INSTALL, "installed and answers"),
    Line(
        "sudo systemd-creds encrypt --name=pi-auto-key /etc/pi-auto-server/key /etc/pi-auto-server/key.encrypted"
    ),
    _example("sealed-key"),
    _example("sealed-key", "-backup"),
    Line("sudo shred -u /etc/pi-auto-server/key"),
    _RELOAD,
    _RESTART,
    _example("port-443"),
    Line("sudo sed -i 's/--https 0.0.0.0:5443/--https 0.0.0.0:443/' /etc/pi-auto-server/server.conf"),
    _RELOAD,
    _RESTART,
    Line("sudo /opt/pi-auto-server/install_server.sh --uninstall", "stay"),
    Line(f"{_INSTALL} --uninstall --purge", "are removed"),
)
