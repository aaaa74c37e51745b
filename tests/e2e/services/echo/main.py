"""Sends back each line."""

import os
import socketserver


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


socketserver.ThreadingTCPServer(("", int(os.environ["PORT"])), Echo).serve_forever()
