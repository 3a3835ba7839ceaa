"""git http-backend behind TLS: argv is root, certificate, key, token or '', redirect target or ''."""
import base64, http.server, os, ssl, subprocess, sys

root, certificate, key, token, target = sys.argv[1:6]
want = "Basic " + base64.b64encode(f"ann:{token}".encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        sent = self.headers.get("Authorization", "")
        with open(os.path.join(root, "requests.log"), "a") as log:
            log.write(f"{self.command} {self.path} {sent}\n")
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if target:
            return self.answer(302, [("Location", target + self.path)])
        if token and sent != want:
            return self.answer(401, [])
        path, _, query = self.path.partition("?")
        if path.startswith("/broken/"):
            return self.answer(503, [])
        if path.startswith("/login/"):
            return self.answer(200, [("Content-Type", "text/html")], b"<form>")
        env = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(size),
        }
        reply = subprocess.run(["git", "http-backend"], env=env, input=body, stdout=subprocess.PIPE).stdout
        head, _, body = reply.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = int(dict(headers).get("Status", "200").split()[0])
        self.answer(status, headers, body)

    do_GET = do_POST = serve


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
