"""What asks the page of cifra train --live, in the scripts that test it.

    live_client.py code URL            the status of the answer; "none" where nobody listens
    live_client.py follow URL FOLDER   asks as the page does, until all is over: one line of each thing that was seen; the last weights
                                       and the report are left in FOLDER
    live_client.py inject URL SCRIPT   the same server under another port, which it prints, its page with SCRIPT at the end, and each
                                       answer late enough that a browser's clock, which stands still meanwhile, does not run ahead
"""
import http.client
import http.server
import json
import sys
import time
from urllib.parse import urlsplit

home = urlsplit(sys.argv[2])


def ask(path):
    connection = http.client.HTTPConnection(home.hostname, home.port, timeout=30)
    connection.request("GET", path, headers={"Host": home.netloc})
    answer = connection.getresponse()
    return answer, answer.read()


def get(name):
    answer, body = ask(f"/{name}?{home.query}")
    return body if answer.status == 200 else None


def code():
    try:
        print(ask(f"{home.path}?{home.query}")[0].status)
    except ConnectionRefusedError:
        print("none")


def follow(folder):
    places, rows, version, end = [], [], 0, None
    while not end:
        progress = json.loads(get("progress.json"))
        end = progress["end"]
        if progress["version"] != version:
            version = progress["version"]
            history, weights = json.loads(get("history.json")), get("weights")
            places += [p for p in [history["place"]] if p not in places]
            rows += [n for n in [len(history["train_loss"])] if n not in rows]
            if weights:
                with open(f"{folder}/weights", "wb") as out:
                    out.write(weights)
        time.sleep(0.02)
    if "report" in end:
        with open(f"{folder}/report.html", "wb") as out:
            out.write(get("report.html"))
    print("places", " | ".join(places))
    print("rows", *rows)
    print("end", json.dumps(end))


def inject(script):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.1)
            try:
                answer, body = ask(self.path)
            except OSError:
                return self.close()
            if self.path.startswith("/?"):
                with open(script, "rb") as text:
                    body = body.replace(b"</body>", b"<script>(async () => {" + text.read() + b"})()</script></body>")
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Security-Policy", "Cifra-Epoch"):
                if answer.getheader(name):
                    self.send_header(name, answer.getheader(name))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def close(self):
            self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


{"code": code, "follow": follow, "inject": inject}[sys.argv[1]](*sys.argv[3:])
