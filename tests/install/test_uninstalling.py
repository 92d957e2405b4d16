"""Nothing of the client is left behind, but what somebody wants to keep."""

from __future__ import annotations

from pathlib import Path

from support.box import Box
from support.installs import OPT, installed

POSTRM = Path(__file__).parents[2] / "install/debian/postrm"


def test_uninstalling_leaves_nothing(box: Box) -> None:
    clean = {str(path) for path in box.path("/").rglob("*") if "home/pi" not in str(path)}
    installed(box)
    code, said = box.run(f"{OPT}/uninstall.sh --yes")
    assert (code, said) == (0, "The Pi Auto Client is removed.\n")
    left = {
        str(path) for path in box.path("/").rglob("*") if path.is_file() and "home/pi" not in str(path)
    } - clean
    known = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/.pwd.lock", "/srv/", "/etc/sub"]
    known += ["/usr/lib/python3."]  # bytecode of the standard library, which the system's own Python keeps
    assert [path for path in left if not any(name in path for name in known)] == []
    assert box.run("id pi-auto || id pi-auto-capture || id pi-auto-wifi")[0] != 0


def test_purging_the_package_leaves_no_user(box: Box) -> None:
    installed(box)
    box.write("/home/pi/postrm", POSTRM.read_bytes(), mode=0o755)
    assert box.run(f"{OPT}/uninstall.sh --keep-data && /home/pi/postrm purge")[0] == 0
    assert [user for user in ("pi-auto", "pi-auto-capture", "pi-auto-wifi") if box.run(f"id {user}")[0] == 0] == []


def test_uninstalling_can_keep_the_data_for_a_later_installation(box: Box) -> None:
    installed(box)
    box.write("/var/lib/pi-auto-client/capture/spool.sqlite", "scans")
    code, said = box.run(f"{OPT}/uninstall.sh --keep-data")
    assert code == 0
    assert "kept: /var/lib/pi-auto-client /etc/pi_auto_client.json" in said
    assert box.path("/var/lib/pi-auto-client/capture/spool.sqlite").read_text() == "scans"
    assert box.run("id pi-auto")[0] == 0
    assert not box.path(OPT).exists()
    installed(box)
    assert box.path("/var/lib/pi-auto-client/capture/spool.sqlite").read_text() == "scans"


def test_undelivered_scans_are_not_deleted_unasked(box: Box) -> None:
    installed(box)
    box.write("/var/lib/pi-auto-client/capture/spool.sqlite", "scans")
    code, said = box.run(f"{OPT}/uninstall.sh < /dev/null")
    assert code == 1
    assert "scans have not been delivered; keep them with --keep-data, or delete them with --yes" in said
    assert box.path(f"{OPT}/current").is_symlink()


def test_a_person_is_asked_about_them(box: Box) -> None:
    installed(box)
    box.write("/var/lib/pi-auto-client/capture/spool.sqlite", "scans")
    ask = f"script -qec '{OPT}/uninstall.sh' /dev/null"
    code, said = box.run(f"echo no | {ask}")
    assert (code, "Delete them? Type yes:" in said, "nothing was changed" in said) == (1, True, True)
    code, said = box.run(f"echo yes | {ask}")
    assert (code, "is removed" in said) == (0, True)
