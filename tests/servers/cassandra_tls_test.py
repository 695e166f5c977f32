#!/usr/bin/env python3
"""TLS and logins against real servers, the good and every bad case, with their message and exit status: a server that wants TLS,
one that wants a client certificate (and takes it for a login), passwords; and in front of the tests' own server a TLS
proxy with certificates that are expired, for somebody else, or of somebody unknown. Cassandra's own driver is the
second opinion about the servers. Secrets never show."""
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

from cassandra.auth import PlainTextAuthProvider

import driver
from tls import Proxy, context, make_ca, make_cert, openssl

MILLRACE, SCRIPTS, TMP = os.environ["MILLRACE"], os.environ["MILLRACE_SERVER_SCRIPTS"], os.environ["TMP"]
PLAIN_HOST, PLAIN_PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
SCRIPT = os.path.join(SCRIPTS, "cassandra.sh")
SECRET = "pass'word%s\\"


def catalog(host, port, **options):
    options = "".join(f", '{k.replace('_', '.', 1).replace('_', '-')}'='{v}'" for k, v in options.items())
    return f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{host}:{port}'{options});\n"


def millrace(script, status=0, message=None, args=()):
    run = subprocess.run([MILLRACE, "sql", "--format", "csv", *args], input=script, capture_output=True, text=True, timeout=300)
    if run.returncode != status or (message and message not in run.stderr):
        sys.exit(f"{script}\nexit status {run.returncode} instead of {status}, or not\n{message}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
    if SECRET in run.stdout + run.stderr or "s3cret" in run.stdout + run.stderr:
        sys.exit(f"a secret is shown:\n{run.stderr}")
    return run


def works(host, port, **options):
    script = catalog(host, port, **options) + "USE CATALOG c; SELECT COUNT(*) FROM `system_schema`.`keyspaces` WHERE keyspace_name = 'system';"
    if millrace(script).stdout.splitlines()[-1] != "1":
        sys.exit(f"no answer: {script}")


def refused(host, port, message, status=3, **options):
    millrace(catalog(host, port, **options), status, message)


# ---- Certificates ----

def certificates():
    make_ca("ca")
    make_ca("stranger")
    make_cert("good", "ca", "DNS:localhost,IP:127.0.0.1")
    make_cert("elsewhere", "ca", "DNS:db.example,DNS:*.db.example")
    make_cert("expired", "ca", "DNS:localhost", days=-1)
    ca = {"tls": "true", "tls_ca-file": f"{TMP}/ca.pem"}
    good, elsewhere, expired = (Proxy(context(cert)).port for cert in ("good", "elsewhere", "expired"))
    works("localhost", good, **ca)
    works("127.0.0.1", good, **ca, compression="lz4")
    works("localhost", good, **ca, **{"protocol-version": "3"})
    works("localhost", good, tls="true", tls_verify="none")
    refused("localhost", good, f"cannot connect to Cassandra: localhost:{good}: the server's certificate is not trusted: unable to get "
            "local issuer certificate", tls="true")
    refused("localhost", good, "the server's certificate is not trusted", tls="true", tls_verify="ca")
    refused("localhost", good, "the server's certificate is not trusted", **dict(ca, **{"tls_ca-file": f"{TMP}/stranger.pem"}))
    refused("localhost", elsewhere, "the server's certificate is for db.example, *.db.example, not for localhost", **ca)
    refused("127.0.0.1", elsewhere, "the server's certificate is for db.example, *.db.example, not for 127.0.0.1", **ca)
    works("localhost", elsewhere, **ca, tls_verify="ca")
    refused("localhost", expired, "the server's certificate expired on ", **ca)
    refused("localhost", expired, "the server's certificate expired on ", **ca, tls_verify="ca")
    works("localhost", expired, tls="true", tls_verify="none")
    # TLS 1.2 alone, and a scan of some size through it
    old = context("good")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    works("localhost", Proxy(old).port, **ca)
    # the tests' own server speaks no TLS
    refused(PLAIN_HOST, PLAIN_PORT, "the server does not speak TLS on this port", tls="true", tls_verify="none")
    # the options themselves
    refused("h", 1, "option 'tls.ca-file' without TLS", 1, **{"tls_ca-file": "x"})
    refused("h", 1, f"option 'tls.ca-file': {TMP}/none.pem: No such file", 1, tls="true", **{"tls_ca-file": f"{TMP}/none.pem"})
    refused("h", 1, f"{TMP}/good.key: there is no certificate in it", 1, tls="true", **{"tls_ca-file": f"{TMP}/good.key"})
    refused("h", 1, "give both 'tls.cert-file' and 'tls.key-file'", 1, **ca, **{"tls_cert-file": f"{TMP}/good.pem"})
    refused("h", 1, "does not belong to the certificate", 1, **ca, **{"tls_cert-file": f"{TMP}/good.pem", "tls_key-file": f"{TMP}/expired.key"})
    refused("h", 1, "cannot be 'maybe'", 1, tls="true", tls_verify="maybe")
    openssl("pkcs8", "-topk8", "-in", f"{TMP}/good.key", "-out", f"{TMP}/locked.key", "-passout", "pass:s3cret")
    locked = dict(ca, **{"tls_cert-file": f"{TMP}/good.pem", "tls_key-file": f"{TMP}/locked.key"})
    refused("h", 1, "the private key is encrypted, and no password was given", 1, **locked)
    refused("h", 1, "the private key is encrypted, and the password does not fit", 1, **locked, **{"tls_key-password": "s3cret2"})
    works("localhost", good, **locked, **{"tls_key-password": "s3cret"})


def ends():
    """Servers that do not finish the handshake: soon, one message, no hang."""
    cases = {"close": lambda s: None, "garbage": lambda s: s.sendall(b"\x84\0\0\0\0\0\0\0\x10 no TLS at all"),
             "half a hello": lambda s: s.sendall(b"\x16\x03\x03\x40\0\x02\0\0\x3c"), "alert": lambda s: s.sendall(b"\x15\x03\x01\0\x02\x02\x28")}
    for name, answer in cases.items():
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def serve():
            client, _ = listener.accept()
            client.recv(65536)
            answer(client)
            client.close()
        threading.Thread(target=serve, daemon=True).start()
        refused("127.0.0.1", port, f"cannot connect to Cassandra: 127.0.0.1:{port}: ", tls="true", tls_verify="none")
        listener.close()


# ---- Servers ----

class Server:
    def __init__(self, name, **settings):
        self.node, self.env = os.path.join(TMP, name), dict(os.environ, MODE="fast", HEAP="1G", **settings)
        self.port = subprocess.check_output([SCRIPT, "port"], env=self.env, text=True).strip()

    def __enter__(self):
        subprocess.run([SCRIPT, "start", self.node, self.port], env=self.env, check=True)
        return self

    def __exit__(self, *_):
        subprocess.run([SCRIPT, "stop", self.node], env=self.env, check=True)


def connect(server, cert=None, **login):
    context = ssl.create_default_context(cafile=f"{server.node}/tls/ca.pem")
    if cert:
        context.load_cert_chain(f"{cert}.pem", f"{cert}.key")
    auth = PlainTextAuthProvider(**login) if login else None
    cluster = driver.connect("127.0.0.1", server.port, protocol_version=5, ssl_context=context, auth_provider=auth)
    return cluster, cluster.connect()


def tls_and_passwords():
    with Server("password", TLS="required", AUTH="1") as server:
        port, ca = server.port, {"tls": "true", "tls_ca-file": f"{server.node}/tls/ca.pem"}
        cluster, session = connect(server, username="cassandra", password="cassandra")
        session.execute("CREATE ROLE strange WITH LOGIN = true AND PASSWORD = %s", [SECRET])
        cluster.shutdown()
        works("localhost", port, **ca, username="cassandra", password="cassandra")
        works("127.0.0.1", port, **ca, username="strange", password=SECRET.replace("'", "''"))
        works("127.0.0.1", port, **ca, username="cassandra", password="cassandra", **{"protocol-version": "4", "compression": "lz4"})
        refused("localhost", port, f"localhost:{port}: the server wants a login", **ca)
        refused("localhost", port, f"localhost:{port}: login refused: ", **ca, username="cassandra", password="s3cret")
        refused("localhost", port, "login refused: ", **ca, username="nobody", password=SECRET.replace("'", "''"))
        refused("localhost", port, "the server's certificate is not trusted", tls="true", username="cassandra", password="cassandra")
        refused("localhost", port, "perhaps the server wants TLS", username="cassandra", password="cassandra")
        # rows through it: written, read back in pages, killed in between
        login = dict(ca, username="cassandra", password="cassandra")
        millrace(catalog("localhost", port, **login) + """USE CATALOG c; CREATE DATABASE ks; USE ks;
            CREATE TABLE t (k INT, s STRING, PRIMARY KEY (k) NOT ENFORCED);
            CREATE TEMPORARY TABLE g (k INT, s STRING) WITH ('connector'='datagen', 'number-of-rows'='20000', 'fields.k.kind'='sequence',
            'fields.k.start'='1', 'fields.k.end'='20000', 'fields.s.length'='300'); INSERT INTO t SELECT * FROM g;""")
        script = (catalog("localhost", port, **login) + "USE CATALOG c; USE ks; SELECT COUNT(*), SUM(CHAR_LENGTH(s)), SUM(k) FROM t "
                  "/*+ OPTIONS('scan.page-size'='333') */;")
        got = millrace(script).stdout.splitlines()[-1]
        if got != f"20000,{20000 * 300},{20000 * 20001 // 2}":
            sys.exit(f"rows through TLS: {got}")
        transfers_log_in(server, login)
        subprocess.run([SCRIPT, "kill", server.node], env=server.env, check=True)
        while socket.socket().connect_ex(("127.0.0.1", int(port))) == 0:
            time.sleep(0.1)
        refused("localhost", port, f"localhost:{port}: cannot connect: connection refused", **login)


def transfers_log_in(server, login):
    """load, count and unload with a login of their own; the rows are read by Cassandra's own driver."""
    cluster, session = connect(server, username="cassandra", password="cassandra")
    session.execute("CREATE TABLE ks.loaded (k int PRIMARY KEY, s text)")
    session.execute("CREATE ROLE loader WITH LOGIN = true AND PASSWORD = 's3cret'")
    session.execute("GRANT MODIFY ON ks.loaded TO loader")
    with open(f"{TMP}/loaded.csv", "w") as out:
        out.write("k,s\n" + "".join(f"{k},row {k}\n" for k in range(1000)))
    address = f"localhost:{server.port}"

    def transfer(*args, user, password=None, status=0, message=None, env=None):
        command = [MILLRACE, *args, "--host", address, "--user", user, *(["--password", password] if password else []),
                   "-o", "tls=true", "-o", f"tls.ca-file={login['tls_ca-file']}"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=TMP, env=dict(os.environ, **(env or {})))
        if run.returncode != status or (message and message not in run.stderr):
            sys.exit(f"{command}\nexit status {run.returncode} instead of {status}, or not\n{message}\n{run.stdout}\n{run.stderr}")
        if "s3cret" in run.stdout + run.stderr:
            sys.exit(f"a secret is shown:\n{run.stderr}")
        return run.stdout

    load = ("load", "loaded.csv", "INTO", "ks.loaded")
    for password, reason in [("wrong", "login refused: "), (None, "login refused: ")]:
        transfer(*load, user="loader", password=password, status=3, message=f"{address}: {reason}")
    if session.execute("SELECT count(*) FROM ks.loaded").one()[0] != 0:
        sys.exit("rows were loaded without a login")
    transfer(*load, user="loader", password="s3cret")
    if sorted(session.execute("SELECT k, s FROM ks.loaded")) != [(k, f"row {k}") for k in range(1000)]:
        sys.exit("what was loaded with a login is not what was in the file")
    session.execute("TRUNCATE ks.loaded")
    transfer(*load, user="loader", env={"MILLRACE_PASSWORD": "s3cret"})
    # this role may write and not read
    transfer("count", "ks.loaded", user="loader", password="s3cret", status=1, message="not permitted")
    if transfer("count", "ks.loaded", user="cassandra", password="cassandra").strip() != "1000":
        sys.exit("count with a login")
    rows = transfer("unload", "ks.loaded", "TO", "-", user="cassandra", password="cassandra").splitlines()
    if sorted(rows[1:]) != sorted(f"{k},row {k}" for k in range(1000)):
        sys.exit(f"unload with a login: {rows[:3]}")
    cluster.shutdown()


BY_CERTIFICATE = """authenticator:
  class_name: org.apache.cassandra.auth.MutualTlsAuthenticator
  parameters:
    validator_class_name: org.apache.cassandra.auth.SpiffeCertificateValidator"""


def client_certificates():
    server = Server("mutual", TLS="mutual", AUTH="1")
    tls, login = f"{server.node}/tls", {"username": "cassandra", "password": "cassandra"}
    ca = {"tls": "true", "tls_ca-file": f"{tls}/ca.pem"}
    client = dict(ca, **{"tls_cert-file": f"{tls}/client.pem", "tls_key-file": f"{tls}/client.key"})
    stranger = dict(ca, **{"tls_cert-file": f"{TMP}/stranger-client.pem", "tls_key-file": f"{TMP}/stranger-client.key"})
    make_cert("stranger-client", "stranger", "URI:spiffe://millrace/client")
    with server:
        works("localhost", server.port, **client, **login)
        refused("localhost", server.port, "the server wants a client certificate", **ca, **login)
        refused("localhost", server.port, "the server has to trust the CA of 'tls.cert-file'", **stranger, **login)
        refused("localhost", server.port, "the server wants a login", **client)
        cluster, session = connect(server, f"{tls}/client", **login)
        session.execute("CREATE ROLE app WITH LOGIN = true")
        session.execute("ADD IDENTITY 'spiffe://millrace/client' TO ROLE 'app'")
        cluster.shutdown()
    # the certificate is the login
    with open(f"{server.node}/conf/cassandra.yaml") as file:
        yaml = file.read()
    with open(f"{server.node}/conf/cassandra.yaml", "w") as file:
        file.write(yaml.replace("authenticator: PasswordAuthenticator", BY_CERTIFICATE))
    make_cert("nobody", "ca", "URI:spiffe://millrace/nobody", ca_folder=tls)
    nobody = dict(ca, **{"tls_cert-file": f"{TMP}/nobody.pem", "tls_key-file": f"{TMP}/nobody.key"})
    with server:
        works("localhost", server.port, **client)
        refused("localhost", server.port, f"localhost:{server.port}: login refused: ", **nobody)


certificates()
ends()
tls_and_passwords()
client_certificates()
