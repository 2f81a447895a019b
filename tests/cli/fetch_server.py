#!/usr/bin/env python3
"""A web server on 127.0.0.1 that misbehaves as it is asked to, for the tests of `cifra data fetch`.

Usage: fetch_server.py ROOT PORT_FILE LOG [CERTIFICATE]

/KIND/SET/NAME answers with ROOT/SET/NAME in the manner of KIND (the functions below that begin with "answer_", and
numbers: /404/..). A request for a whole address (http://anything/KIND/..) is one to a proxy, and answered like any other.
The port, one that is free, is written into PORT_FILE when the server listens, and with a CERTIFICATE (PEM, with its key) the
port of the same over TLS behind it; LOG gets a line for each request:
KIND NAME RANGE STATUS. It ends with its parent, and after a quarter of an hour in any case.
"""
import gzip
import hashlib
import http.server
import os
import re
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

ROOT, PORT_FILE, LOG = sys.argv[1:4]
LIFETIME = 900
PIECE = 16 << 10
log_lock = threading.Lock()
asked = {}  # how often each address was asked


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.close_connection = True
        parts = urlsplit(self.path)
        self.proxied = bool(parts.netloc)
        path = parts.path
        if not re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*){3}", path):
            return self.fail(400)
        self.kind, self.set, self.name = path.strip("/").split("/")
        with log_lock:
            self.times = asked[path] = asked.get(path, 0) + 1
        if self.kind.isdigit():
            return self.fail(int(self.kind))
        try:
            with open(os.path.join(ROOT, self.set, self.name), "rb") as file:
                self.data = file.read()
        except OSError:
            return self.fail(404)
        try:
            getattr(self, "answer_" + self.kind)()
        except (BrokenPipeError, ConnectionResetError):
            pass

    # ---- Pieces of an answer

    def note(self, status):
        where = "proxied-" if self.proxied else ""
        with log_lock, open(LOG, "a") as log:
            print(where + self.kind, self.name, self.headers.get("Range", "-"), status, file=log)

    def fail(self, status):
        self.kind = getattr(self, "kind", "?")
        self.name = getattr(self, "name", "?")
        self.note(status)
        body = b"<html>no</html>"
        self.head(status, [("Content-Length", len(body)), ("Content-Type", "text/html")])
        self.wfile.write(body)

    def head(self, status, headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def first(self):
        """The byte that a range begins with; None without one."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(match.group(1)) if match else None

    def tag(self, data):
        return '"' + hashlib.md5(data).hexdigest() + '"'

    def begin(self, data, ranges=True, conditions=True):
        """The head of an honest answer; returns the body that belongs to it, None if there is none."""
        first = self.first() if ranges else None
        condition = self.headers.get("If-Range")
        if conditions and condition and condition != self.tag(data):
            first = None
        if first is None:
            self.note(200)
            self.head(200, [("Content-Length", len(data)), ("ETag", self.tag(data))])
            return data
        if first >= len(data):
            self.note(416)
            self.head(416, [("Content-Range", "bytes */%d" % len(data)), ("Content-Length", 0)])
            return None
        self.note(206)
        self.head(206, [("Content-Length", len(data) - first), ("ETag", self.tag(data)),
                        ("Content-Range", "bytes %d-%d/%d" % (first, len(data) - 1, len(data)))])
        return data[first:]

    def send(self, body, pause=0.0):
        for at in range(0, len(body or b""), PIECE):
            self.wfile.write(body[at:at + PIECE])
            if pause:
                time.sleep(pause)

    def damaged(self):
        middle = len(self.data) // 2
        return self.data[:middle] + bytes([self.data[middle] ^ 1]) + self.data[middle + 1:]

    def wait_for_client(self):
        """Until it goes, so that the connection stands still."""
        self.connection.settimeout(LIFETIME)
        try:
            self.connection.recv(1)
        except OSError:
            pass

    # ---- Kinds that end well

    def answer_good(self):
        self.send(self.begin(self.data))

    def answer_norange(self):
        self.send(self.begin(self.data, ranges=False))

    def answer_slow(self):
        self.send(self.begin(self.data), pause=0.01)

    def answer_unpacked(self):
        self.send(self.begin(gzip.decompress(self.data)))

    def answer_repacked(self):
        self.send(self.begin(gzip.compress(gzip.decompress(self.data), 1)))

    def answer_drops(self):
        """Three quarters, seven eighths, then all."""
        body = self.begin(self.data)
        self.send(body[:len(self.data) * 3 // 4 if self.times == 1 else len(self.data) // 8 if self.times == 2 else None])

    def answer_nolength(self):
        self.note(200)
        self.head(200, [])
        self.send(self.data)

    def answer_redirect(self):
        self.note(302)
        self.head(302, [("Location", "/good/%s/%s" % (self.set, self.name)), ("Content-Length", 0)])

    def answer_changes(self):
        """Half of another file, then the right one: If-Range tells."""
        if self.times == 1:
            self.send(self.begin(self.damaged())[:len(self.data) // 2 + 1])
        else:
            self.send(self.begin(self.data))

    def answer_splices(self):
        """Half of another file, then the end of the right one: nothing but the content tells."""
        if self.times == 1:
            self.send(self.begin(self.damaged())[:len(self.data) // 2 + 1])
        else:
            self.send(self.begin(self.data, conditions=False))

    def answer_gated(self):
        """Half, and the rest when the file "gate" is there."""
        body = self.begin(self.data)
        self.send(body[:len(body) // 2])
        self.wfile.flush()
        while not os.path.exists("gate"):
            time.sleep(0.02)
        self.send(body[len(body) // 2:])

    # ---- Kinds that do not

    def answer_wrong(self):
        self.send(self.begin(self.damaged()))

    def answer_other(self):
        """Packed well, but something else."""
        content = gzip.decompress(self.data)
        self.send(self.begin(gzip.compress(content[:-1] + bytes([content[-1] ^ 1]))))

    def answer_page(self):
        body = b"<html>Please log in.</html>" * 10
        self.note(200)
        self.head(200, [("Content-Length", len(body)), ("Content-Type", "text/html; charset=utf-8")])
        self.send(body)

    def answer_empty(self):
        self.note(200)
        self.head(200, [("Content-Length", 0)])

    def answer_truncated(self):
        self.send(self.begin(self.data, ranges=False)[:len(self.data) // 2])

    def answer_short(self):
        """Half, and nothing that tells of more."""
        self.note(200)
        self.head(200, [])
        self.send(self.data[:len(self.data) // 2])

    def answer_stall(self):
        body = self.begin(self.data)
        self.send(body[:2000])
        self.wfile.flush()
        self.wait_for_client()

    def answer_steps(self):
        """40,000 bytes further each time."""
        self.send(self.begin(self.data)[:40000])
        self.wfile.flush()
        self.wait_for_client()

    def answer_drip(self):
        """Never still, but it would take a day."""
        body = self.begin(self.data)
        for at in range(0, len(body), 20):
            self.wfile.write(body[at:at + 20])
            time.sleep(0.1)

    def answer_hang(self):
        self.note(0)
        self.wait_for_client()

    def answer_nothing(self):
        self.note(0)

    def answer_loop(self):
        self.note(302)
        self.head(302, [("Location", self.path), ("Content-Length", 0)])

    def answer_tofile(self):
        self.note(302)
        self.head(302, [("Location", "file://" + os.path.join(os.path.abspath(ROOT), self.set, self.name)),
                        ("Content-Length", 0)])

    def answer_bomb(self):
        """Without an end."""
        self.note(200)
        self.head(200, [])
        while True:
            self.wfile.write(self.data)

    def answer_claims(self):
        self.note(200)
        self.head(200, [("Content-Length", 10**15)])
        self.send(self.data)

    def answer_gzbomb(self):
        """16 MB of zeros in 16 KB."""
        self.send(self.begin(gzip.compress(bytes(16 << 20), 6)))

    def answer_unasked(self):
        self.note(206)
        self.head(206, [("Content-Length", len(self.data)),
                        ("Content-Range", "bytes 0-%d/%d" % (len(self.data) - 1, len(self.data)))])
        self.send(self.data)

    def answer_elsewhere(self):
        """Asked to go on, it does so from another byte."""
        if self.first() is None:
            return self.send(self.begin(self.data))
        self.note(206)
        self.head(206, [("Content-Length", len(self.data)),
                        ("Content-Range", "bytes 0-%d/%d" % (len(self.data) - 1, len(self.data)))])
        self.send(self.data)

    def answer_nocontent(self):
        self.note(204)
        self.head(204, [])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def watch(server, parent):
    end = time.monotonic() + LIFETIME
    while os.getppid() == parent and time.monotonic() < end:
        time.sleep(0.2)
    server.shutdown()


def serve(certificate):
    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    server = serve(None)
    ports = [server.server_port] + [serve(file).server_port for file in sys.argv[4:]]
    threading.Thread(target=watch, args=(server, os.getppid()), daemon=True).start()
    with open(PORT_FILE + ".new", "w") as file:
        print(*ports, sep="\n", file=file)
    os.rename(PORT_FILE + ".new", PORT_FILE)
    server.serve_forever(poll_interval=0.1)


main()
