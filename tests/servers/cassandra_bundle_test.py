#!/usr/bin/env python3
"""Secure connect bundles: a metadata service over HTTPS and a proxy that tells hosts apart by the name in the TLS handshake (SNI), both
of which want the bundle's certificate, in front of the tests' own server; then everything that can be wrong with a bundle
or its service."""
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import zipfile

import driver
from tls import Proxy, context, make_ca, make_cert

MILLRACE, TMP = os.environ["MILLRACE"], os.environ["TMP"]
HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)


def millrace(script, status=0, message=None):
    run = subprocess.run([MILLRACE, "sql", "--format", "csv"], input=script, capture_output=True, text=True, timeout=300)
    if run.returncode != status or (message and message not in run.stderr):
        sys.exit(f"{script}\nexit status {run.returncode} instead of {status}, or not\n{message}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
    return run


class NamedProxy(Proxy):
    """To the tests' server, when the name asked for is a host's id."""

    def __init__(self, cert, ids):
        self.ids, self.asked = ids, []
        server_context = context(cert, "ca")
        server_context.sni_callback = self.choose
        super().__init__(server_context)

    def choose(self, _socket, name, _context):
        self.asked.append(name)
        return None if name in self.ids else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def service(cert, answer, status=200):
    """A metadata service; its port, and the paths asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_):
            pass
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context(cert, "ca").wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port, asked


def bundle(name, port, host="localhost", leave_out=(), cert="client", ca="ca", config=None):
    files = {"config.json": config if config is not None else json.dumps(
                 {"username": "", "password": "", "host": host, "port": port, "cql_port": 1, "keyspace": "ks", "localDC": "x",
                  "caCertLocation": "./ca.crt", "keyLocation": "./key", "certLocation": "./cert"}, indent=2),
             "ca.crt": open(f"{TMP}/{ca}.pem").read(), "cert": open(f"{TMP}/{cert}.pem").read(), "key": open(f"{TMP}/{cert}.key").read(),
             "cqlshrc": "[connection]\n", "trustStore.jks": "not read"}
    with zipfile.ZipFile(f"{TMP}/{name}.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for file, content in files.items():
            if file not in leave_out:
                out.writestr(file, content)
    return f"{TMP}/{name}.zip"


def catalog(path, more=""):
    return f"CREATE CATALOG c WITH ('type'='cassandra', 'secure-connect-bundle'='{path}'{more});\n"


def metadata(proxy_port, ids, datacenter, host="localhost", **more):
    return json.dumps({"version": 1, "region": "here", "contact_info": {
        "type": "sni_proxy", "local_dc": datacenter, "sni_proxy_address": f"{host}:{proxy_port}", "contact_points": ids}, **more},
        indent=1).encode()


def main():
    cluster = driver.connect(HOST, PORT, protocol_version=5)
    row = cluster.connect().execute("SELECT host_id, data_center FROM system.local").one()
    host_id, datacenter = str(row.host_id), row.data_center
    cluster.shutdown()
    make_ca("ca")
    make_ca("stranger")
    make_cert("server", "ca", "DNS:localhost")
    make_cert("elsewhere", "ca", "DNS:db.example")
    make_cert("client", "ca", "DNS:client")
    make_cert("unknown", "stranger", "DNS:client")

    proxy = NamedProxy("server", [host_id])
    good = metadata(proxy.port, [host_id], datacenter)
    port, asked = service("server", good)
    path = bundle("good", port)
    select = "USE CATALOG c; SELECT COUNT(*) FROM `system_schema`.`keyspaces` WHERE keyspace_name = 'system';"
    if millrace(catalog(path) + select).stdout.splitlines()[-1] != "1":
        sys.exit("no answer through the proxy")
    if asked != ["/metadata"] or not proxy.asked or set(proxy.asked) != {host_id}:
        sys.exit(f"the service was asked for {asked}, the proxy for {proxy.asked}")
    # a table of its own, with its own options
    millrace(f"CREATE TABLE k (keyspace_name STRING) WITH ('connector'='cassandra', 'secure-connect-bundle'='{path}', "
             "'keyspace'='system_schema', 'table'='keyspaces', 'protocol-version'='4', 'compression'='lz4'); SELECT * FROM k;")
    # an id that the proxy does not know is skipped
    unknown = "00000000-0000-0000-0000-000000000000"
    port, _ = service("server", metadata(proxy.port, [unknown, host_id], datacenter))
    millrace(catalog(bundle("two", port)) + select)
    port, _ = service("server", metadata(proxy.port, [unknown], datacenter))
    millrace(catalog(bundle("none", port)), 3, f"localhost:{proxy.port}: ")

    def fails(status, message, path, more=""):
        millrace(catalog(path, more), status, message)

    # the bundle
    fails(1, "cannot read /nowhere.zip: No such file", "/nowhere.zip")
    with open(f"{TMP}/text.zip", "w") as out:
        out.write("this is no archive")
    fails(1, f"cannot read {TMP}/text.zip: Not a zip archive", f"{TMP}/text.zip")
    fails(1, "there is no key in it", bundle("nokey", port, leave_out=["key"]))
    fails(1, "there is no config.json in it", bundle("noconfig", port, leave_out=["config.json"]))
    fails(1, "names no host and port of a metadata service", bundle("nohost", port, config="{}"))
    fails(1, "config.json: ", bundle("nojson", port, config="host = localhost"))
    fails(1, "option 'hosts' beside 'secure-connect-bundle'", path, ", 'hosts'='h'")
    fails(1, "option 'tls.ca-file' beside 'secure-connect-bundle'", path, ", 'tls.ca-file'='h'")
    fails(1, "option 'datacenter-failover' beside 'secure-connect-bundle'", path, ", 'datacenter-failover'='true'")
    # the service
    refused = "option 'secure-connect-bundle': metadata service: localhost:"
    closed = socket.create_server(("127.0.0.1", 0))
    closed_port = closed.getsockname()[1]
    closed.close()
    fails(3, f"{refused}{closed_port}: cannot connect: connection refused", bundle("closed", closed_port))
    port, _ = service("server", b"later", 503)
    fails(1, f"{refused}{port}: HTTP status 503 for /metadata", bundle("busy", port))
    port, _ = service("server", good)
    fails(3, "the server refused the client certificate", bundle("stranger", port, cert="unknown"))
    fails(3, "the server's certificate is not trusted", bundle("otherca", port, ca="stranger"))
    port, _ = service("elsewhere", good)
    fails(3, "the server's certificate is for db.example, not for localhost", bundle("elsewhere", port))
    for answer, message in ((b"no JSON", "the answer of localhost:"), (b"{}", "'contact_info' is missing"),
                            (b'{"contact_info": {"type": "other"}}', "contact information of type 'other'"),
                            (b'{"contact_info": {"type": "sni_proxy"}}', "it names no proxy and hosts"),
                            (metadata("x", [host_id], datacenter), "'localhost:x' is no address of a proxy")):
        port, _ = service("server", answer)
        fails(1, message, bundle("bad", port))
    # the proxy: its own certificate is for its name, and a wrong datacenter is told
    elsewhere = NamedProxy("elsewhere", [host_id])
    port, _ = service("server", metadata(elsewhere.port, [host_id], datacenter))
    path = bundle("elsewhere", port)
    fails(3, "the server's certificate is for db.example, not for localhost", path)
    millrace(catalog(path, ", 'tls.verify'='ca'"))
    port, _ = service("server", metadata(proxy.port, [host_id], "another"))
    fails(3, f"the server is in datacenter '{datacenter}', not in 'another'", bundle("far", port))


main()
