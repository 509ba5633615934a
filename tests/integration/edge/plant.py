"""A small secured OPC UA server: asyncua's, on a real socket."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import datetime as dt
import hashlib
import itertools
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from asyncua import Node, Server, ua
from asyncua.common.structures104 import load_custom_struct, new_struct
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.opcua.certificates import (
    ApplicationInstance,
    create_application_instance,
    load_stored_instance,
    store_instance,
)
from plc_sim.opcua.core import QuickInternalServer

NAMESPACE = "urn:test:plant"
# No test has more plants than this.
_numbers = itertools.cycle(range(4))


@lru_cache
def _instance(number: int) -> ApplicationInstance:
    """Who a plant is: keys are slow to make, so the plants of different tests share them."""
    return create_application_instance("plant")


class Plant:
    """A small secured server."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"opc.tcp://127.0.0.1:{port}/"
        self.server = Server(iserver=QuickInternalServer())
        self._pem = folder / "plant" / "application.pem"
        instance = load_stored_instance(self._pem)
        if instance is None:
            instance = _instance(next(_numbers))
            store_instance(self._pem, instance)
        self.certificate = instance.certificate
        self.application_uri = instance.application_uri
        self.index = 0
        self.before: tuple[str, ...] = ()
        # Instead of the one that it makes itself.
        self.identity: tuple[bytes, bytes] | None = None

    @property
    def certificate_sha256(self) -> str:
        return hashlib.sha256(self.certificate_der).hexdigest()

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    async def start(self) -> None:
        """Starts, with what `build` adds to the address space."""
        server = self.server = Server(iserver=QuickInternalServer())
        await server.init()
        server.set_endpoint(self.url)
        await server.set_application_uri(self.application_uri)
        server.set_security_policy(
            [ua.SecurityPolicyType.NoSecurity, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
        )
        if self.identity is not None:
            key, certificate = self.identity
            self._pem.write_bytes(key + x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM))
        self.certificate = x509.load_pem_x509_certificate(self._pem.read_bytes())
        der = self.folder / "plant.der"
        der.write_bytes(self.certificate.public_bytes(Encoding.DER))
        await server.load_certificate(der)
        await server.load_private_key(self._pem)
        for uri in self.before:
            await server.register_namespace(uri)
        self.index = await server.register_namespace(NAMESPACE)
        self.machine = await server.nodes.objects.add_object(self.node(""), f"{self.index}:Machine")
        await server.start()

    def node(self, name: str) -> ua.NodeId:
        """The node of a variable, where the namespace is now."""
        return ua.NodeId(f"machine.{name}", self.index)

    async def add(self, name: str, value: object, kind: ua.VariantType) -> ua.NodeId:
        """Adds a variable to the machine."""
        node = await self.machine.add_variable(self.node(name), f"{self.index}:{name}", ua.Variant(value, kind))
        return node.nodeid

    async def add_structure(self, name: str, *fields: ua.StructureField) -> tuple[Node, Callable[..., object]]:
        """A structured data type, and what makes values of it.

        asyncua keeps the classes of structures for the whole process, and takes that of another test's server for
        this one's if name and NodeId are the same: so the NodeId is one that nobody else has.
        """
        node_id = ua.NodeId(f"{name}.{uuid4()}", self.index)
        data_type, _ = await new_struct(self.server, node_id, f"{self.index}:{name}", list(fields))
        return data_type, await load_custom_struct(data_type)

    async def write(
        self, name: str, value: object, kind: ua.VariantType, status: int = 0, *, age: dt.timedelta = dt.timedelta()
    ) -> None:
        """Changes a variable: now, or so that it seems to have changed a while ago."""
        changed = ua.DataValue(
            ua.Variant(value, kind),
            StatusCode=ua.StatusCode(ua.UInt32(status)),
            SourceTimestamp=dt.datetime.now(dt.UTC) - age,
        )
        await self.server.write_attribute_value(self.node(name), changed)

    async def stop(self) -> None:
        await self.server.stop()

    def configuration(self, *tags: gateway.TagConfiguration) -> gateway.ServerConfiguration:
        return gateway.ServerConfiguration(
            server="plant",
            endpoint_url=self.url,
            security_mode=onboarding.SECURITY_MODE_SIGN_AND_ENCRYPT,
            trusted_certificate_sha256=self.certificate_sha256,
            tags=tags,
        )


def tag(
    tag_id: int, name: str, kind: int, *, sampling_ms: int = 20, publishing_ms: int = 50
) -> gateway.TagConfiguration:
    result = gateway.TagConfiguration(
        tag_id=tag_id,
        node_id=f"nsu={NAMESPACE};s=machine.{name}",
        kind=kind,
    )
    # asyncua does not sample: each write is a value.
    result.queue_size = 1000
    result.sampling_interval.FromMilliseconds(sampling_ms)
    result.publishing_interval.FromMilliseconds(publishing_ms)
    return result
