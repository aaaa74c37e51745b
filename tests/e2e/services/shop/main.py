"""Answers with what it hears from the services that it calls."""

import http.server
import json
import os
import socket
import urllib.request


def asked(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def echoed(address, line):
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"{line}\n".encode())
        return connection.makefile().readline().strip()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        heard = {"host": self.headers["Host"], "path": self.path, "base": os.environ["BASE_PATH"]}
        if self.path != "/healthz":
            heard["ledger"] = asked(os.environ["LEDGER_URL"])
            heard["ledger_private"] = asked(os.environ["LEDGER_PRIVATE_URL"])
            heard["echo"] = echoed(os.environ["ECHO_ADDRESS"], "over tcp")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(heard).encode())


http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
