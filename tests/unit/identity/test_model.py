from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_identity.conversion import roles_from
from dualspan_identity.model import (
    LONGEST_BLOCK,
    Account,
    block_after,
    check_email,
    check_grant,
    check_may_change,
    check_roles,
    check_token_roles,
    user_id_from_email,
)
from dualspan_runtime.errors import InvalidArgument, PermissionDenied
from dualspan_runtime.names import SLUG
from dualspan_runtime.principal import Principal, PrincipalKind
from dualspan_runtime.roles import ROLE_PERMISSIONS

ROLES = st.lists(st.sampled_from(list(ROLE_PERMISSIONS)), min_size=1).map(tuple)


def person(*roles: str) -> Principal:
    return Principal(PrincipalKind.USER, "users/u", "acme", frozenset(roles))


@given(st.emails())
def test_every_address_gives_a_valid_id(email: str) -> None:
    assert SLUG.fullmatch(user_id_from_email(email))


@pytest.mark.parametrize("email", ["", "a", "a@", "@b", "a@b@c", "a b@c", f"{'a' * 65}@b"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidArgument):
        check_email(email)


@given(ROLES)
def test_roles_are_kept_once_each_in_one_order(roles: tuple[str, ...]) -> None:
    checked = check_roles(roles)
    assert set(checked) == set(roles)
    assert check_roles(checked[::-1]) == checked


@given(ROLES, ROLES)
def test_nobody_grants_the_platforms_role_without_having_it(granter: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    if "platform_admin" in wanted and "platform_admin" not in granter:
        with pytest.raises(PermissionDenied):
            check_grant(person(*granter), wanted)
    else:
        check_grant(person(*granter), wanted)


@given(ROLES, ROLES)
def test_a_token_never_gets_a_permission_that_its_maker_lacks(maker: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    creator = person(*maker)
    try:
        check_token_roles(creator, wanted)
    except PermissionDenied:
        assert not set(wanted) <= set(maker)
    else:
        assert all(creator.may(permission) for role in wanted for permission in ROLE_PERMISSIONS[role])
        assert "platform_admin" not in wanted or "platform_admin" in maker


def test_only_platform_admins_change_one_another() -> None:
    account = Account("acme", "u", "u@x", "U", ("platform_admin",), disabled=False, created_at=datetime.now(UTC))
    check_may_change(person("platform_admin"), account)
    with pytest.raises(PermissionDenied):
        check_may_change(person("admin"), account)


def test_blocks_begin_at_the_fifth_failure_and_grow_to_five_minutes() -> None:
    assert [block_after(failures).total_seconds() for failures in range(9)] == [0, 0, 0, 0, 0, 10, 20, 40, 80]
    assert block_after(10**6) == LONGEST_BLOCK == timedelta(minutes=5)


@pytest.mark.parametrize("numbers", [[0], [1, 99], [-1]])
def test_a_number_that_is_no_role_is_refused(numbers: list[int]) -> None:
    with pytest.raises(InvalidArgument):
        roles_from(numbers)
