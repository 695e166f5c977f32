"""Certificates in $TMP, and TLS in front of the tests' own server, which has none."""
import os
import socket
import ssl
import subprocess
import threading

TMP = os.environ["TMP"]


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_ca(name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{TMP}/{name}.key", "-out", f"{TMP}/{name}.pem", "-subj",
            f"/CN={name}", "-days", "30")


def make_cert(name, ca, names, days=30, ca_folder=TMP):
    """NAME.pem and NAME.key for the subject alternative names; days < 0: expired."""
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{TMP}/{name}.key", "-out", f"{TMP}/{name}.csr", "-subj", f"/CN={name}")
    with open(f"{TMP}/{name}.ext", "w") as out:
        out.write(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", f"{TMP}/{name}.csr", "-CA", f"{ca_folder}/{ca}.pem", "-CAkey", f"{ca_folder}/{ca}.key", "-CAcreateserial",
            "-out", f"{TMP}/{name}.pem", "-days", str(days), "-extfile", f"{TMP}/{name}.ext")


def context(cert, client_ca=None):
    """A server's. client_ca: clients must show a certificate of it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(f"{TMP}/{cert}.pem", f"{TMP}/{cert}.key")
    if client_ca:
        made.load_verify_locations(f"{TMP}/{client_ca}.pem")
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class Proxy:
    """Listens on `port` with TLS, and passes everything on to the tests' own server."""

    def __init__(self, server_context):
        self.context = server_context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        host, port = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
        try:
            client = self.context.wrap_socket(client, server_side=True)
            server = socket.create_connection((host, int(port)))
        except OSError:
            client.close()
            return
        threading.Thread(target=self.copy, args=(server, client), daemon=True).start()
        self.copy(client, server)

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
