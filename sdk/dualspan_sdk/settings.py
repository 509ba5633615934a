"""What the platform tells an app when it starts it: the environment is read here only."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dualspan_frame import ValueKind
from dualspan_sdk._clock import Clock
from dualspan_sdk._errors import DualSpanError
from dualspan_sdk._transport import Endpoints
from dualspan_sdk._writing import OutputTag

PREFIX = "DUALSPAN_APP_"
# In a container the one folder that can be written to.
_DATA = "/tmp/dualspan-app"  # noqa: S108 - the container is the app's own
_DEFAULT = Endpoints()


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Where an app is and what it was given.

    Attributes:
        subscription: `tenants/{tenant}/subscriptions/{subscription}`; empty in the local harness.
        marketplace: host:port of what it asks for its own token, configuration, binding and outputs; empty: it has what
            the files hold.
        endpoints: The platform's services.
        token_file: File with the access token of the subscription, which the platform writes anew before it ends.
        binding_file: File with the assets and properties that were granted; None: onboarding is asked.
        configuration: What the subscriber chose, valid by the manifest's schema.
        outputs: Tags that were made for the app's results, by asset (empty for the subscription) and output.
        data: Folder that the app may write to; it may be empty at every start.
        host: Address to listen on.
        port: Port of the app's pages; 0: any.
        clock: What time it is in the plant.
    """

    subscription: str = ""
    marketplace: str = ""
    endpoints: Endpoints = _DEFAULT
    token_file: Path = Path("/run/dualspan/token")
    binding_file: Path | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    outputs: Mapping[tuple[str, str], OutputTag] = field(default_factory=dict[tuple[str, str], OutputTag])
    data: Path = Path(_DATA)
    host: str = "0.0.0.0"
    port: int = 8080
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings in `DUALSPAN_APP_*`.

        Variables: SUBSCRIPTION, MARKETPLACE, HISTORIAN, ONBOARDING (host:port), CA_FILE (PEM; none: plaintext),
        TOKEN_FILE, BINDING_FILE (JSON: {assets, models}), CONFIG_FILE (JSON), OUTPUTS_FILE (JSON: a list of {asset,
        output, tag, kind}), DATA, HOST, PORT, CLOCK (`plant_us/machine_us/speed`, of a simulated plant).

        Raises:
            DualSpanError: `INVALID_ENVIRONMENT`: one of them cannot be read; the message names it.
        """
        given = os.environ if environment is None else environment
        found = {key.removeprefix(PREFIX): value for key, value in given.items() if key.startswith(PREFIX) and value}
        ca_file = found.get("CA_FILE")
        endpoints = Endpoints(
            historian=found.get("HISTORIAN", _DEFAULT.historian),
            onboarding=found.get("ONBOARDING", _DEFAULT.onboarding),
            ca_file=Path(ca_file) if ca_file else None,
        )
        return cls(
            subscription=found.get("SUBSCRIPTION", ""),
            marketplace=found.get("MARKETPLACE", ""),
            endpoints=endpoints,
            token_file=Path(found.get("TOKEN_FILE", "/run/dualspan/token")),
            binding_file=Path(found["BINDING_FILE"]) if "BINDING_FILE" in found else None,
            configuration=_configuration(found.get("CONFIG_FILE", "")),
            outputs=_outputs(found.get("OUTPUTS_FILE", "")),
            data=Path(found.get("DATA", _DATA)),
            host=found.get("HOST", "0.0.0.0"),
            port=_port(found.get("PORT", "8080")),
            clock=_clock(found.get("CLOCK", "")),
        )


def _configuration(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        read = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as err:
        raise _invalid("CONFIG_FILE", f"{path} cannot be read as JSON: {err}") from err
    if not isinstance(read, dict):
        raise _invalid("CONFIG_FILE", f"{path} holds no JSON object")
    return read


def _outputs(path: str) -> Mapping[tuple[str, str], OutputTag]:
    if not path:
        return {}
    try:
        rows: list[dict[str, Any]] = json.loads(Path(path).read_text("utf-8"))
        return {
            (str(row.get("asset", "")), str(row["output"])): OutputTag(
                int(row["tag"]), ValueKind[str(row["kind"]).upper()]
            )
            for row in rows
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise _invalid("OUTPUTS_FILE", f"{path} is no list of outputs: {err!r}") from err


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise _invalid("PORT", f"{text!r} is not a port")
    return int(text)


def _clock(text: str) -> Clock:
    try:
        return Clock.parse(text)
    except ValueError as err:
        raise _invalid("CLOCK", str(err)) from err


def _invalid(variable: str, why: str) -> DualSpanError:
    return DualSpanError("INVALID_ARGUMENT", "INVALID_ENVIRONMENT", f"{PREFIX}{variable}: {why}.")
