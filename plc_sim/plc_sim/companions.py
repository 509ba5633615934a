"""Companion specifications: whose types and BrowseNames machines have, with the numbers of the published models."""

from dataclasses import dataclass, field

DI = "http://opcfoundation.org/UA/DI/"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
PACKML_URI = "http://opcfoundation.org/UA/PackML/"
IMM2MES_URI = "http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/"
URIS = (DI, MACHINERY, PACKML_URI, IMM2MES_URI)

IDENTIFICATION = "Identification"
NAMEPLATE = {
    "Manufacturer": DI,
    "Model": DI,
    "SerialNumber": DI,
    "ProductInstanceUri": DI,
    "YearOfConstruction": MACHINERY,
    "Location": MACHINERY,
}
"""Whose namespace a BrowseName of MachineIdentificationType is in (OPC 40001-1, 8.2)."""


@dataclass(frozen=True, slots=True)
class TypeName:
    """An object type: namespace, BrowseName, numeric NodeId, and what it is a kind of."""

    uri: str
    name: str
    number: int
    parent: "TypeName | None" = None


FUNCTIONAL_GROUP = TypeName(DI, "FunctionalGroupType", 1005)
MACHINE_IDENTIFICATION = TypeName(MACHINERY, "MachineIdentificationType", 1012, FUNCTIONAL_GROUP)


@dataclass(frozen=True, slots=True)
class Companion:
    """How a machine shows itself by a specification.

    Attributes:
        uri: Its namespace.
        machine: Type definition of the machine's object.
        groups: Type definitions of the objects below it, by BrowseName; their BrowseNames are the specification's.
        variables: Paths of the variables whose BrowseNames are the specification's.
    """

    uri: str
    machine: TypeName
    groups: dict[str, TypeName] = field(default_factory=dict[str, TypeName])
    variables: frozenset[str] = frozenset()

    def types(self) -> tuple[TypeName, ...]:
        """All of its types that are used."""
        return (self.machine, *self.groups.values())


PACKML = Companion(
    PACKML_URI,
    TypeName(PACKML_URI, "PackMLBaseObjectType", 6),
    {
        "Status": TypeName(PACKML_URI, "PackMLStatusObjectType", 4),
        "Admin": TypeName(PACKML_URI, "PackMLAdminObjectType", 5),
    },
    frozenset(
        {
            "Status/MachSpeed",
            "Status/CurMachSpeed",
            "Status/UnitModeCurrent",
            "Admin/ProdProcessedCount",
            "Admin/ProdDefectiveCount",
        }
    ),
)
IMM2MES = Companion(IMM2MES_URI, TypeName(IMM2MES_URI, "IMM_MES_InterfaceType", 1007))
