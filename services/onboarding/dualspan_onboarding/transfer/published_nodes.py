"""Published-nodes JSON, as OPC Publisher reads it, as entries of tags."""

from collections.abc import Mapping

from dualspan_onboarding.model import SecurityMode, SecurityPolicy
from dualspan_onboarding.rules import DEFAULT_INTERVAL_US
from dualspan_onboarding.transfer.entries import Endpoint, Entry, Place, Problem, Refused, Remark, TagFile, Value, shown
from dualspan_onboarding.transfer.published_fields import ENTRY_TAKEN, ENTRY_WITHOUT
from dualspan_onboarding.transfer.published_node import Member, NodeReader, interval_of, of_type, silent
from dualspan_onboarding.transfer.scan import Located, RawEntry, Repeated, Scanner

_POLICY_PREFIX = "http://opcfoundation.org/UA/SecurityPolicy#"
_POLICIES = {
    "none": SecurityPolicy.NONE,
    "basic256sha256": SecurityPolicy.BASIC256SHA256,
    "aes128_sha256_rsaoaep": SecurityPolicy.AES128_SHA256_RSAOAEP,
    "aes256_sha256_rsapss": SecurityPolicy.AES256_SHA256_RSAPSS,
}
_MODES = {
    "none": SecurityMode.NONE,
    "sign": SecurityMode.SIGN,
    "signandencrypt": SecurityMode.SIGN_AND_ENCRYPT,
    "best": SecurityMode.SIGN_AND_ENCRYPT,
    "notnone": SecurityMode.SIGN_AND_ENCRYPT,
}
# Names of members whose values must not be repeated to anybody.
_SECRETS = ("password", "secret", "token", "credential")
# OPC Publisher's own defaults: 1000 ms both.
_DEFAULTS: Mapping[str, Value] = {
    "sampling_interval_us": DEFAULT_INTERVAL_US,
    "publishing_interval_us": DEFAULT_INTERVAL_US,
}


def read_published_nodes(text: str) -> TagFile:
    """What a published-nodes file says; raises FileRefused if it is no JSON."""
    reader = _Reader(Scanner(text))
    reader.read()
    return TagFile(
        entries=reader.entries,
        problems=reader.problems,
        remarks=reader.remarks,
        count=reader.count,
        skipped=reader.skipped,
        defaults=_DEFAULTS,
    )


class _Reader:
    """Goes through a file and keeps what it finds."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.remarks: list[Remark] = []
        self.count = 0
        self.skipped = 0

    def read(self) -> None:
        """Reads all of it."""
        for index, raw in enumerate(self._scanner.entries()):
            if isinstance(raw, RawEntry):
                self._entry(raw)
                continue
            place = Place(raw.line, f"[{index}]")
            self._refuse(place, Refused("NOT_AN_ENTRY", "It is no JSON object.", "Write { … } for each endpoint."))

    def _refuse(self, place: Place, refused: Refused) -> None:
        self.problems.append(refused.at(place))

    def _remark(self, place: Place, value: object, message: str) -> None:
        self.remarks.append(Remark(place, shown(value), message))

    def _entry(self, raw: RawEntry) -> None:
        place = Place(raw.line, f"[{raw.index}]")
        for name, line in raw.repeated:
            self._refuse(place.of(name, line), _repeated(name))
        members = {key: Member(name, place.of(name, at.line), at.value) for key, (name, at) in raw.members.items()}
        self._entry_remarks(members)
        endpoint = self._endpoint(place, members)
        defaults = self._node_defaults(members)
        nodes = self._nodes(raw, place, members)
        if not nodes and "nodeid" not in members:
            self._remark(place, "", "The entry has no OpcNodes: there is nothing in it to be stored.")
        reader = NodeReader(defaults)
        for number, node in enumerate(nodes):
            self.count += 1
            self._node(reader, Place(node.line, f"[{raw.index}].OpcNodes[{number}]"), node, endpoint)

    def _nodes(self, raw: RawEntry, place: Place, members: Mapping[str, Member]) -> list[Located]:
        if raw.nodes_wrong is not None:
            refused = Refused("OPC_NODES_NO_LIST", "OpcNodes is not a list.", "Write [ … ] around the nodes.")
            self._refuse(place.of("OpcNodes", raw.nodes_wrong.line), refused)
        legacy = members.get("nodeid")
        if legacy is None:
            return raw.nodes
        # Files of the first releases have one node in the entry itself.
        identifier = legacy.value.get("Identifier") if isinstance(legacy.value, dict) else legacy.value
        return [Located({"Id": identifier}, legacy.place.line, 0, 0), *raw.nodes]

    def _node(self, reader: NodeReader, place: Place, node: Located, endpoint: Endpoint | None) -> None:
        if not isinstance(node.value, dict):
            self._refuse(place, Refused("NOT_A_NODE", "It is no JSON object.", "Write { … } for each node."))
            return
        if isinstance(node.value, Repeated):
            self._refuse(place, _repeated("of the node"))
            return
        read = reader.read(place, node.value, lambda name: self._scanner.line_of(name, node))
        self.problems += read.problems
        self.remarks += read.remarks
        if read.problems:
            return
        if read.reference is None:
            self.skipped += 1
        elif endpoint is not None:
            entry = Entry(place, ("", ""), endpoint, read.reference, read.address, read.settings, {})
            self.entries.append(entry)

    def _entry_remarks(self, members: Mapping[str, Member]) -> None:
        for key, member in members.items():
            if key in ENTRY_TAKEN or silent(member.value):
                continue
            why = ENTRY_WITHOUT.get(key, "it is no member that is known here")
            hidden = any(word in key for word in _SECRETS)
            value = "(not shown)" if hidden else member.value
            self._remark(member.place, value, f"{shown(member.name)} is not taken over: {why}.")

    def _node_defaults(self, members: Mapping[str, Member]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for field, key, unit in (
            ("publishing_interval_us", "datasetpublishinginterval", 1000),
            ("sampling_interval_us", "datasetsamplinginterval", 1000),
            ("heartbeat_us", "defaultheartbeatinterval", 1_000_000),
        ):
            try:
                interval = interval_of(members, key, unit)
            except Refused as refused:
                self._refuse(members.get(f"{key}timespan", members.get(key, _NOWHERE)).place, refused)
                continue
            if interval is not None:
                found[field] = interval
        behaviour = members.get("defaultheartbeatbehavior")
        if behaviour is not None and not silent(behaviour.value):
            self._remark(behaviour.place, behaviour.value, "The gateway always repeats the last value it has.")
        return found

    # The server.

    def _endpoint(self, place: Place, members: Mapping[str, Member]) -> Endpoint | None:
        try:
            url = _endpoint_url(members)
            mode, policy = self._security(members)
            username, password = self._user(members)
            return Endpoint(url, mode, policy, username, password)
        except Refused as refused:
            self._refuse(place, refused)
            return None

    def _security(self, members: Mapping[str, Member]) -> tuple[SecurityMode | None, SecurityPolicy]:
        use, mode, policy = (
            members.get(key) for key in ("usesecurity", "endpointsecuritymode", "endpointsecuritypolicy")
        )
        chosen = SecurityPolicy.STRONGEST
        if policy is not None and not silent(policy.value):
            word = str(of_type(policy, str)).removeprefix(_POLICY_PREFIX).lower()
            if word not in _POLICIES:
                raise Refused(
                    "POLICY_NOT_OFFERED",
                    f"{shown(policy.value)!r} is a security policy that is not offered: it is unknown or broken.",
                    "Choose Basic256Sha256 or better at the server, and write that.",
                )
            chosen = _POLICIES[word]
        if mode is not None and not silent(mode.value):
            word = str(of_type(mode, str)).lower()
            if word not in _MODES:
                raise Refused(
                    "UNKNOWN_WORD",
                    f"{shown(mode.value)!r} is no EndpointSecurityMode.",
                    "Write Sign, SignAndEncrypt or None.",
                )
            if word in {"best", "notnone"}:
                self._remark(mode.place, mode.value, "SignAndEncrypt is taken: here nothing falls back to less.")
            return _MODES[word], chosen
        if use is not None and use.value is not None:
            return (SecurityMode.SIGN_AND_ENCRYPT if of_type(use, bool) else SecurityMode.NONE), chosen
        return (SecurityMode.NONE if chosen is SecurityPolicy.NONE else None), chosen

    def _user(self, members: Mapping[str, Member]) -> tuple[str, str]:
        mode = members.get("opcauthenticationmode")
        word = "anonymous" if mode is None or silent(mode.value) else str(mode.value).lower()
        name, password = members.get("opcauthenticationusername"), members.get("opcauthenticationpassword")
        for key in ("encryptedauthusername", "encryptedauthpassword"):
            if key in members and not silent(members[key].value):
                words = "It is encrypted for OPC Publisher alone: state user and password on the server here."
                self._remark(members[key].place, "(not shown)", words)
        if word in {"usernamepassword", "1"}:
            user = "" if name is None or silent(name.value) else str(of_type(name, str))
            secret = "" if password is None or silent(password.value) else str(of_type(password, str))
            return user, secret
        if word not in {"anonymous", "0"}:
            raise Refused(
                "AUTHENTICATION_NOT_OFFERED",
                f"{shown(word)!r} is no way of signing in that is offered.",
                "Write UsernamePassword or Anonymous, and give the gateway a user at the server.",
            )
        for member in (name, password):
            if member is not None and not silent(member.value):
                self._remark(member.place, "(not shown)", f"{member.name} is passed over: the mode is Anonymous.")
        return "", ""


_NOWHERE = Member("", Place(0), None)


def _endpoint_url(members: Mapping[str, Member]) -> str:
    url = members.get("endpointurl")
    if url is None or silent(url.value):
        raise Refused("ENDPOINT_MISSING", "The entry has no EndpointUrl.", "Write opc.tcp://host:4840.")
    return str(of_type(url, str)).strip()


def _repeated(name: str) -> Refused:
    return Refused("NAME_REPEATED", f"A member {shown(name)} stands twice.", "Take one of them out.")
