"""An identity provider that is real, if small, at an https address that a platform of tests trusts."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import oidc_provider_mock
from cryptography.hazmat.primitives.serialization import Encoding
from werkzeug.serving import make_server

from harness.certificates import Authority, Wanted, key, key_pem

_AUTHORITY, _CERTIFICATE, _KEY = "offices.crt", "provider.crt", "provider.key"


def certify(folder: Path) -> dict[str, str]:
    """Makes the provider's certificate; returns the environment in which OpenSSL trusts its authority and no other."""
    authority = Authority.root("Offices CA")
    wanted = Wanted(subject="localhost", key=key(7), host="localhost")
    (folder / _AUTHORITY).write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (folder / _CERTIFICATE).write_bytes(authority.issue(wanted).public_bytes(Encoding.PEM))
    (folder / _KEY).write_bytes(key_pem(wanted.key))
    return {"SSL_CERT_FILE": str(folder / _AUTHORITY)}


@contextmanager
def serve_provider(folder: Path, *people: oidc_provider_mock.User) -> Generator[str]:
    """Runs the provider with the certificate of a folder; yields its issuer."""
    application = oidc_provider_mock.app(require_nonce=True, user_claims=people)
    pair = str(folder / _CERTIFICATE), str(folder / _KEY)
    server = make_server("localhost", 0, application, threaded=True, ssl_context=pair)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
