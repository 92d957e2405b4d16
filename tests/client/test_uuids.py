from __future__ import annotations

from uuid import RFC_4122, UUID

from pi_auto.client.uuids import new_uuid


def test_every_one_is_a_random_uuid_and_another() -> None:
    made = [new_uuid() for _ in range(1000)]
    assert len(set(made)) == len(made)
    for text in made:
        uuid = UUID(text)
        assert (uuid.version, uuid.variant, str(uuid)) == (4, RFC_4122, text)
