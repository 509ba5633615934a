"""The very first user: somebody must be able to sign in before anybody can be invited."""

from dataclasses import dataclass

from dualspan_identity.errors import CONSTRAINTS
from dualspan_identity.migrations import MIGRATIONS
from dualspan_identity.model import NewAccount, check_email, check_password, check_text, user_id_from_email
from dualspan_identity.passwords import PasswordHasher
from dualspan_identity.service.audit import note
from dualspan_identity.settings import IdentitySettings
from dualspan_identity.store import accounts
from dualspan_runtime.database import Database
from dualspan_runtime.names import TENANT, check_slug

FIRST_ROLES = ("admin", "platform_admin")


@dataclass(frozen=True, slots=True)
class FirstUser:
    """Who is to be the first.

    Attributes:
        tenant_id: Of the first tenant.
        tenant_display_name: What people call it.
        email: Signs in with it.
        password: At least 10 characters.
    """

    tenant_id: str
    tenant_display_name: str
    email: str
    password: str


async def bootstrap(settings: IdentitySettings, first: FirstUser) -> bool:
    """Makes the first tenant and its first user, who is its admin and the platform's, when there is no user at all.

    Safe to repeat, and from several places at once.

    Returns:
        Whether they were made now.

    Raises:
        InvalidArgument: A value breaks its rule.
        SchemaMismatchError: The schema is older or newer than the code.
    """
    check_slug(first.tenant_id, "tenant_id")
    check_text(first.tenant_display_name, "tenant_display_name")
    email = check_email(first.email)
    new = NewAccount(first.tenant_id, user_id_from_email(email), email, email, FIRST_ROLES)
    hasher = PasswordHasher(threads=1, memory_kib=settings.password_hash_kib)
    password_hash = await hasher.hash(check_password(first.password))
    async with (
        Database.open(settings, schema=MIGRATIONS, constraints=CONSTRAINTS) as database,
        database.platform_transaction() as connection,
    ):
        if not await accounts.lock_bootstrap(connection):
            return False
        if not await accounts.tenant_exists(connection, first.tenant_id):
            await accounts.insert_tenant(connection, first.tenant_id, first.tenant_display_name)
            await note(connection, first.tenant_id, "tenant.create", TENANT.format(tenant=first.tenant_id))
        account = await accounts.insert_account(connection, new, password_hash)
        await note(connection, first.tenant_id, "user.create", account.name, roles=",".join(FIRST_ROLES))
    return True
