"""Passwords are kept as hashes that are dear to guess, and as dear for an address that nobody has."""

import asyncio

from dualspan_identity.passwords import PasswordHasher
from dualspan_identity.settings import IdentitySettings

QUICK_KIB = 64


def test_a_hash_costs_what_the_rfc_recommends() -> None:
    """RFC 9106, 4: 64 MiB and 3 passes; one lane, so that a hash takes one core."""
    memory_kib = IdentitySettings.model_fields["password_hash_kib"].default
    stored = asyncio.run(PasswordHasher(1, memory_kib).hash("correct horse battery"))
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


def test_only_the_password_itself_matches() -> None:
    async def ask() -> list[bool]:
        hasher = PasswordHasher(1, QUICK_KIB)
        stored = await hasher.hash("correct horse battery")
        asked = [(stored, "correct horse battery"), (stored, "correct horse"), (None, "correct horse"), ("no hash", "")]
        return [await hasher.verify(*one) for one in asked]

    assert asyncio.run(ask()) == [True, False, False, False]


def test_a_hash_of_less_memory_is_due_for_another() -> None:
    stored = asyncio.run(PasswordHasher(1, QUICK_KIB).hash("correct horse battery"))
    assert PasswordHasher(1, 2 * QUICK_KIB).needs_rehash(stored)
    assert not PasswordHasher(1, QUICK_KIB).needs_rehash(stored)
