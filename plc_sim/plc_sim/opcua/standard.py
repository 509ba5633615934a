"""Node ids and status codes as plain numbers; asyncua declares them as its own subclasses of int and str."""

from asyncua import ua


def node_id(identifier: str | int, namespace: int = 0) -> ua.NodeId:
    """A NodeId."""
    return ua.NodeId(identifier, namespace)  # pyright: ignore[reportArgumentType]  # plain int and str work


def status_code(code: int) -> ua.StatusCode:
    """A StatusCode."""
    return ua.StatusCode(code)  # pyright: ignore[reportArgumentType]  # plain int works


def extension(type_id: ua.NodeId, body: bytes) -> ua.ExtensionObject:
    """An ExtensionObject around an encoded body, which asyncua writes as it is."""
    return ua.ExtensionObject(TypeId=type_id, Body=body)  # pyright: ignore[reportArgumentType]  # plain bytes work
