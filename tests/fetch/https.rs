//! `fetch()` over https: a real TLS server on loopback, vouched for by an authority
//! of the host, which is put into a mount namespace of the test's own.

use crate::engine::Engine;
use kiln::backend::native::download::DownloadConfig;
use kiln::model::FailureKind;
use kiln::store::Hash;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where this host keeps its authorities, if it is one of these.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Set inside the namespace: the folder with certificate and key.
const INSIDE: &str = "KILN_TEST_TLS";

/// Serves `/x` and a way round to plain http, one connection after another.
const SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/x":
            self.send_response(200); self.send_header("Content-Length", "6"); self.end_headers()
            self.wfile.write(b"hello\n")
        else:
            self.send_response(302)
            self.send_header("Location", "https://localhost:%d/x" % self.server.server_port)
            self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut python = Command::new("python3");
        python.args(["-c", SERVER]).arg(folder);
        let mut child = python.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the server says its port");
        Server { child, port }
    }

    fn url(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}/{path}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn certificate(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.arg("-out").arg(folder.join("cert.pem"));
    openssl.arg("-keyout").arg(folder.join("key.pem"));
    let output = openssl.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Runs this one test again where the host's authorities are the test's own.
fn inside(test: &str) {
    if !nix::unistd::geteuid().is_root() || !Path::new(AUTHORITIES).exists() {
        eprintln!("SKIPPED: only root can put an authority in place, where hosts keep theirs so");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let script = format!(
        "mount --make-rprivate / && mount --bind {0}/cert.pem {AUTHORITIES} || exit 97; \
         exec \"$0\" --exact {test} --nocapture",
        folder.path().display()
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "sh", "-c", &script]);
    let this = std::env::current_exe().unwrap();
    let status = unshare.arg(this).env(INSIDE, folder.path()).status();
    match status.unwrap().code() {
        Some(97) => eprintln!("SKIPPED: nothing can be mounted here"),
        code => assert_eq!(code, Some(0)),
    }
}

fn fetch(url: &str) -> String {
    let hash = Hash::of(b"hello\n");
    format!("fetch({url:?}, '{hash}', name = 'x')")
}

/// Loopback is open here; a failure is tried again at once.
fn open() -> DownloadConfig {
    DownloadConfig {
        deny: Vec::new(),
        pause: Duration::from_millis(1),
        ..DownloadConfig::default()
    }
}

#[tokio::test]
async fn n11_https_is_believed_when_the_hosts_authorities_vouch_for_the_name() {
    let test = "https::n11_https_is_believed_when_the_hosts_authorities_vouch_for_the_name";
    let Some(folder) = std::env::var_os(INSIDE) else {
        return inside(test);
    };
    let server = Server::start(Path::new(&folder));
    let engine = Engine::fetching(open());
    let wrong_name = engine.failure(&fetch(&server.url("127.0.0.1", "x"))).await;
    assert!(wrong_name.message.contains("certificate"), "{wrong_name:?}");
    let path = engine.built(&fetch(&server.url("localhost", "away"))).await;
    assert_eq!(std::fs::read(path).unwrap(), b"hello\n");
    // As configured by default, it is an address no fetch may go to.
    let closed = Engine::fetching(DownloadConfig::default());
    let denied = closed.failure(&fetch(&server.url("localhost", "x"))).await;
    assert_eq!(denied.kind, FailureKind::Certain, "{denied:?}");
    assert!(denied.hint.contains("fetch_deny"), "{denied:?}");
}

#[tokio::test]
async fn n11_a_server_that_nobody_vouches_for_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let server = Server::start(folder.path());
    let engine = Engine::fetching(open());
    let stranger = engine.failure(&fetch(&server.url("localhost", "x"))).await;
    assert!(stranger.message.contains("certificate"), "{stranger:?}");
}
