"""A folder behind HTTP that takes PUT: argv is the folder. A file `.mode` in it makes it misbehave:
a status number, `silent` (no answer), `endless` (an archive or a record without end), `away` (a record is
elsewhere, which leads back)."""
import http.server, os, sys, threading

root = sys.argv[1]


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args):
        super().__init__(*args, directory=root)

    def log_message(self, *args):
        with open(os.path.join(root, ".requests"), "a") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('Authorization', '')}\n")

    def misbehaves(self):
        try:
            mode = open(os.path.join(root, ".mode")).read().strip()
        except FileNotFoundError:
            return False
        if mode == "silent":
            self.log_message()
            threading.Event().wait(600)
        elif mode == "endless":
            if not self.path.startswith(("/nar/", "/kiln/")):
                return False
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(65536))
            except OSError:
                pass
        elif mode == "away":
            if not self.path.startswith("/kiln/"):
                return False
            self.send_response(302)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(int(mode))
        self.close_connection = True
        return True

    def do_GET(self):
        if not self.misbehaves():
            super().do_GET()

    def do_HEAD(self):
        if not self.misbehaves():
            super().do_HEAD()

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.misbehaves():
            return
        place = self.translate_path(self.path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place + ".new", "wb") as new:
            new.write(body)
        os.rename(place + ".new", place)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
