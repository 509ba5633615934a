"""What an engineer does at a server so that it trusts a gateway, by make. No I/O."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrustSteps:
    """What to do, in its order."""

    vendor: str
    steps: tuple[str, ...]


_FILE = "Save the gateway's certificate: `dualspan onboarding certificates gateway {gateway} --out gateway.der`."
_COMPARE = "Compare the SHA-256 (some makes show SHA-1 too) with the one that DualSpan shows, before you trust it."
_CHECK = "The gateway connects again by itself within a minute; `dualspan onboarding notices` is empty then."


def trust_steps(gateway: str) -> tuple[TrustSteps, ...]:
    """The steps for every make that is known, and for all others.

    Args:
        gateway: The gateway's id, for the commands in them.
    """
    save = _FILE.format(gateway=gateway)
    return (
        TrustSteps(
            "Siemens S7-1500 (TIA Portal)",
            (
                save,
                (
                    "In the project: Security settings, switch the global security settings on for the CPU's "
                    "certificate manager (CPU properties, Protection & Security, Certificate manager)."
                ),
                "Project tree, Security settings, Certificate manager, trusted certificates: import gateway.der.",
                (
                    "CPU properties, OPC UA, Server, Security, Secure channel, Trusted clients: add the certificate. "
                    "Leave the automatic acceptance of client certificates off, it is for commissioning only."
                ),
                "Set the CPU's clock: with a clock before the certificate's first day the CPU refuses it.",
                "Compile and download the hardware configuration; the CPU goes to STOP for it, so plan it.",
                (
                    "From firmware 2.9 with certificates managed at runtime, no download is needed; a user who may "
                    "manage certificates pushes it: `dualspan onboarding certificates push GATEWAY/SERVER`."
                ),
                _CHECK,
            ),
        ),
        TrustSteps(
            "PTC Kepware (KEPServerEX, ThingWorx Kepware Server)",
            (
                "Let the gateway connect once: its certificate then appears among the trusted clients as rejected.",
                "Right-click the Kepware icon in the Windows tray, OPC UA Configuration, Trusted Clients.",
                f"Select the gateway's certificate and choose Trust; or Import a saved one. {_COMPARE}",
                (
                    "Right-click the icon again, Reinitialize, so that the runtime takes it up. Streams of all "
                    "its clients break for some seconds."
                ),
                _CHECK,
            ),
        ),
        TrustSteps(
            "Inductive Automation Ignition",
            (
                "Let the gateway connect once: its certificate is then in quarantine.",
                "Ignition's gateway web page, OPC UA security settings, tab Server, quarantined certificates.",
                f"Choose Trust at the entry whose common name begins with DualSpan. {_COMPARE}",
                "Check that the OPC UA server of Ignition listens on the plant's network, not on localhost only.",
                _CHECK,
            ),
        ),
        TrustSteps(
            "Any other server",
            (
                (
                    "If it offers certificate management (OPC UA Part 12), "
                    "`dualspan onboarding certificates push GATEWAY/SERVER` does all of it."
                ),
                (
                    "Otherwise let the gateway connect once, and look into the server's list or folder of rejected "
                    "certificates; many keep them in pki/rejected or RejectedCertificates."
                ),
                f"Move the gateway's certificate to the trusted ones (often pki/trusted/certs). {_COMPARE}",
                (
                    f"If there is none: {save[0].lower()}{save[1:]} Put the file there; convert it "
                    "to PEM if the server asks for it (--format pem)."
                ),
                "If the server checks the host: the certificate names the gateway's host as the box knows itself.",
                "Check the server's clock, and restart it if it reads its trust list at the start only.",
                _CHECK,
            ),
        ),
    )
