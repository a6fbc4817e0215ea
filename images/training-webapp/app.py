"""The tutorial's web application: answers every GET with "Hello world!".

PROVIDER in the environment replaces "world"; PORT is the TCP port to listen on, 5001 by default.
"""

import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    """One answer for every path."""

    def do_GET(self) -> None:
        """Greet."""
        body = f"Hello {os.environ.get('PROVIDER', 'world')}!".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET


class Server(ThreadingHTTPServer):
    """Listens on IPv6 and IPv4 together where the kernel has IPv6."""

    daemon_threads = True
    address_family = socket.AF_INET6 if os.path.exists("/proc/net/if_inet6") else socket.AF_INET

    def server_bind(self) -> None:
        """Take IPv4 also on IPv6 sockets; do not wait for old connections; ask no name server who we are."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = socket.gethostname(), self.server_address[1]


def main() -> None:
    """Serve until SIGTERM; as process 1 of a container nothing else would end us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("PORT", "5001"))
    host = "::" if Server.address_family == socket.AF_INET6 else ""
    print(f" * Running on http://0.0.0.0:{port}/ (Press CTRL+C to quit)", flush=True)
    Server((host, port), Hello).serve_forever()


if __name__ == "__main__":
    main()
