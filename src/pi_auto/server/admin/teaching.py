"""What the help of the administrator's commands teaches: examples, and the words that options take."""

from __future__ import annotations

OPERATOR = """\
examples:
  pi-auto-server operator link --data /srv/pi-auto
      a link that signs you in to the pages; it is good once, and whoever opens it may do everything there
  pi-auto-server operator token-create nightly-export --scopes read --days 365
      for a script; shown once: curl -H "Authorization: Bearer TOKEN" https://HOST:5443/api/scans
  pi-auto-server operator token-revoke nightly-export

what a token may do, by its scopes:
  read       see devices and scans
  devices    approve devices and shut them out, have them do something
  fleet      hand out the card, make batch tokens, set the policy, move roll-outs
  operators  make and revoke tokens: whoever has this can have everything
"""

ENROLMENT = """\
how a box gets in:
  pi-auto-server enrolment pending                                 a box with a card alone waits for a yes
  pi-auto-server enrolment approve 100000001a2b3c4d 9f86d081       both as `pending` lists them; compare the key
                                                                   with what `pi-auto-client status` shows there
  pi-auto-server fleet installer --batch spring --most 50 --output install_pi_client.sh
                                                                   fifty boxes get in by this without a yes
  pi-auto-server enrolment code                                    a box without a card scans this code

and out again:
  pi-auto-server enrolment revoke pi-1a2b3c4d --reason stolen      at once, whatever it shows
  pi-auto-server enrolment lift pi-1a2b3c4d                        in again
  pi-auto-server enrolment decommission pi-1a2b3c4d                its key is forgotten, its scans stay

policies:
  approve        a batch token or a preauthorisation lets in, and all others wait for a yes
  batch          the same, and all others are turned away
  preauthorised  only a preauthorisation lets in
  closed         nobody new gets in; who is in stays in
"""

FLEET = """\
examples:
  pi-auto-server fleet installer --address fleet.lan:5443 --batch spring --output install_pi_client.sh
      beside pi_auto_client.py on a Pi: sudo bash install_pi_client.sh
  pi-auto-server fleet card --address fleet.lan:5443 > fleet.json
      the card alone: a device that has it knows this fleet from an impostor, and waits for a yes
"""

LEGACY = """\
the whole way is in docs/legacy.md:
  pi-auto-server legacy on --network 192.168.1.0/24 --days 14
  pi-auto-server legacy list                           which old clients have asked
  pi-auto-server legacy approve pi-1a2b3c4d
  pi-auto-server legacy package --client pi_auto_client.py --installer install_pi_client.sh
  pi-auto-server legacy migrate pi-1a2b3c4d            it becomes a new client, which has a key
  pi-auto-server legacy off
"""

RELEASE = """\
the whole way, with the first keys, is in docs/operating.md. A release, at the desk where the keys are:
  pi-auto-server release build ~/updates --archive ~/dist/pi_auto_client.py --output ~/release.py
  pi-auto-server release sign ~/updates --archive ~/release.py --notes "what is better now"

and on the server, with the folder ~/updates/bundle of the desk:
  pi-auto-server release publish bundle
  pi-auto-server release list
  pi-auto-server rollout plan 2.1.0                    published, it reaches nobody before it is rolled out
"""

BACKUP = """\
example:
  pi-auto-server backup --data /srv/pi-auto --to /mnt/backups --keep 14
      also while the server runs; only the server's key opens it, so keep a copy of that elsewhere
"""

RESTORE = """\
example:
  pi-auto-server restore /mnt/backups/FILE --data /srv/new --key-file /safe/pi-auto.key
      then: pi-auto-server run --data /srv/new --key-file /safe/pi-auto.key
"""
