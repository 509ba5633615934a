"""What the quickstart is asked to do, and what it has reached."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dualspan_cli.settings import CliSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """What a person said on the command line.

    Attributes:
        url: `opc.tcp://…` of the server.
        gateway: Id of the gateway to use; this machine becomes one if empty.
        server_id: What the server is called; made of its address if empty.
        site: The plant that the gateway stands in.
        username: For the server; anonymous if empty.
        password: For the server.
        fingerprint: SHA-256 that the server's certificate must have.
        insecure: No message security, an explicit choice.
        accept_over_budget: Even if the server bears less.
        prove_seconds: How much of the stream is proven.
        report: Where the report is written.
        gateway_folder: Data folder of the gateway on this machine.
        settings: The command's; they say where the platform's CA is remembered.
    """

    url: str
    gateway: str
    server_id: str
    site: str
    username: str
    password: str
    fingerprint: str
    insecure: bool
    accept_over_budget: bool
    prove_seconds: float
    report: Path
    gateway_folder: Path
    settings: CliSettings


@dataclass(slots=True)
class Reached:
    """How far it came; what the last line tells.

    Attributes:
        gateway: Its name.
        server: Its name.
        gateway_pid: Of a gateway that was started here; 0 if none was.
        variables: What the browse found.
        assets: Machines with names.
        bindings: Properties bound to tags.
        tags: Variables that are stored.
        refused: Variables that the server refused.
        samples_per_second: Of the stream.
        report: The file.
        complete_tags: Tags of which nothing is missing in the report.
        seconds: The whole, without the time in which a person thought.
    """

    gateway: str = ""
    server: str = ""
    gateway_pid: int = 0
    variables: int = 0
    assets: int = 0
    bindings: int = 0
    tags: int = 0
    refused: int = 0
    samples_per_second: float = 0.0
    report: str = ""
    complete_tags: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"event": "done", **asdict(self)}
