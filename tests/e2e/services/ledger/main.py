"""Answers on each of its ports with the port's variable."""

import http.server
import os
import threading


def handler(answer):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

    return Handler


def server(variable):
    return http.server.ThreadingHTTPServer(("", int(os.environ[variable])), handler(variable))


threading.Thread(target=server("PRIVATE_PORT").serve_forever, daemon=True).start()
server("PORT").serve_forever()
