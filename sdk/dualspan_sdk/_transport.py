"""Channels to the services."""

import json
from dataclasses import dataclass
from pathlib import Path

import grpc

# A page of a million samples in the raw form is 28 MB.
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# All that this client calls through it may be repeated: they read.
_RETRIES = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the platform's services listen, as host:port. The defaults are `dualspan up`'s.

    Attributes:
        historian: Samples.
        onboarding: Tags.
        identity: Tokens.
        ca_file: PEM of the authority that signed the services' certificates; None where they speak
            plaintext, as on one machine or inside a cluster.
    """

    historian: str = "127.0.0.1:7403"
    onboarding: str = "127.0.0.1:7402"
    identity: str = "127.0.0.1:7401"
    ca_file: Path | None = None

    def open_channel(self, address: str) -> grpc.aio.Channel:
        """A channel to one of them; it connects when it is first used."""
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.service_config", _RETRIES),
            ("grpc.keepalive_time_ms", 30_000),
        ]
        if self.ca_file is None:
            return grpc.aio.insecure_channel(address, options)
        credentials = grpc.ssl_channel_credentials(self.ca_file.read_bytes())
        return grpc.aio.secure_channel(address, credentials, options)
