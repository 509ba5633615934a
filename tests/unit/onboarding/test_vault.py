import pytest
from cryptography.exceptions import InvalidTag

from dualspan_onboarding.names import ServerName
from dualspan_onboarding.vault import Vault

PRESS = ServerName("acme", "g1", "press-1")
SECRET = "a secret of the platform"


def test_a_password_can_be_opened_and_is_not_to_be_seen() -> None:
    vault = Vault(SECRET)
    sealed = vault.seal("pässword", PRESS)
    assert sealed is not None
    assert "pässword".encode() not in sealed
    assert vault.open(sealed, PRESS) == "pässword"


def test_the_same_password_is_sealed_differently_each_time() -> None:
    vault = Vault(SECRET)
    assert vault.seal("p", PRESS) != vault.seal("p", PRESS)


def test_no_password_stays_none() -> None:
    vault = Vault(SECRET)
    assert vault.seal("", PRESS) is None
    assert vault.open(None, PRESS) == ""


def test_a_password_opens_for_its_own_server_and_secret_only() -> None:
    sealed = Vault(SECRET).seal("p", PRESS)
    with pytest.raises(InvalidTag):
        Vault(SECRET).open(sealed, ServerName("acme", "g1", "press-2"))
    with pytest.raises(InvalidTag):
        Vault("another secret of it").open(sealed, PRESS)
