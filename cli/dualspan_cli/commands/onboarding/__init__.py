"""`dualspan onboarding …`: from the gateway in the box to named assets with proven data."""

from __future__ import annotations

import typer

from dualspan_cli.commands import reports
from dualspan_cli.commands.onboarding import (
    assets,
    browse,
    budget,
    certificates,
    discovery,
    gateways,
    guards,
    mapping,
    models,
    notices,
    quickstart,
    sampling,
    transfer,
    trust,
    writes,
)

onboarding = typer.Typer(help="From the gateway in the box to named assets with proven data.", no_args_is_help=True)
onboarding.add_typer(notices.notices, name="notices")
onboarding.command("discover")(discovery.discover)
onboarding.command("discovered")(discovery.discovered)
onboarding.command("test-connection")(discovery.try_connection)
onboarding.add_typer(certificates.certificates, name="certificates")
onboarding.add_typer(trust.trust, name="trust")
onboarding.command("import")(transfer.import_tags)
onboarding.command("export")(transfer.export_tags)
onboarding.command("browse")(browse.browse)
onboarding.command("nodes")(browse.nodes)
onboarding.command("snapshots")(browse.snapshots)
onboarding.command("compare")(browse.compare)
onboarding.command("report")(reports.report)
onboarding.add_typer(budget.budget, name="budget")
onboarding.command("sampling")(sampling.sampling)
onboarding.command("describe")(sampling.describe)
onboarding.command("quickstart")(quickstart.quickstart)
onboarding.add_typer(guards.guards, name="guards")
onboarding.command("write")(writes.write)
onboarding.command("call")(writes.call)
onboarding.command("writes")(writes.list_writes)
onboarding.command("approve")(writes.approve)
onboarding.command("reject")(writes.reject)
onboarding.command("cancel")(writes.cancel)
onboarding.add_typer(models.models, name="models")
onboarding.add_typer(assets.assets, name="assets")
onboarding.add_typer(mapping.mapping, name="mapping")
onboarding.add_typer(gateways.gateways, name="gateways")
