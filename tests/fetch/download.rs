//! N11: what is brought, from whom, and what never is.

use crate::engine::Engine;
use crate::server::{Request, Server, redirect, reply};
use kiln::backend::native::download::{Denied, DownloadConfig};
use kiln::backend::{Backend, BuildOutcome, BuildRequest};
use kiln::model::FailureKind;
use kiln::store::Hash;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Loopback is allowed, since the servers are there; no wait between rounds.
fn open() -> DownloadConfig {
    DownloadConfig {
        deny: Vec::new(),
        pause: Duration::from_millis(1),
        ..DownloadConfig::default()
    }
}

fn hello(_: &Request, to: &mut TcpStream) {
    reply(to, "200 OK", "", b"hello\n");
}

fn fetch(urls: &[String], hash: &str) -> String {
    format!("fetch({urls:?}, '{hash}', name = 'x')")
}

fn hash(bytes: &[u8]) -> String {
    Hash::of(bytes).to_string()
}

#[tokio::test]
async fn n11_the_right_hash_is_taken_and_works_offline_afterwards() {
    let server = Server::new(hello);
    let engine = Engine::fetching(open());
    let url = [server.url("dir/x-1.tar.gz")];
    let path = engine.built(&fetch(&url, &hash(b"hello\n"))).await;
    assert_eq!(std::fs::read(&path).unwrap(), b"hello\n");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o444);
    assert_eq!(
        std::fs::metadata(&path).unwrap().uid(),
        nix::unistd::geteuid().as_raw()
    );
    drop(server);
    // Another URL, the other spelling of the hash, the same file.
    let hex = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    let again = engine
        .built(&fetch(&["https://nowhere.invalid/y".into()], hex))
        .await;
    assert_eq!(again, path);
}

#[tokio::test]
async fn n11_a_program_is_executable_and_another_object() {
    let server = Server::new(hello);
    let engine = Engine::fetching(open());
    let url = server.url("tool");
    let plain = engine
        .built(&format!("fetch({url:?}, '{}')", hash(b"hello\n")))
        .await;
    let tool = format!("fetch({url:?}, '{}', executable = True)", hash(b"hello\n"));
    let tool = engine.built(&tool).await;
    assert_ne!(plain, tool);
    assert_eq!(std::fs::metadata(&tool).unwrap().mode() & 0o7777, 0o555);
}

#[tokio::test]
async fn n11_a_wrong_hash_prints_both_and_leaves_nothing() {
    let server = Server::new(hello);
    let engine = Engine::fetching(open());
    let failure = engine
        .failure(&fetch(&[server.url("a")], &hash(b"other")))
        .await;
    assert_eq!(failure.kind, FailureKind::Certain);
    for word in [
        hash(b"other"),
        hash(b"hello\n"),
        "expected".into(),
        "got".into(),
    ] {
        assert!(failure.message.contains(&word), "{failure:?}");
    }
    assert_eq!(failure.derivation.as_deref(), Some("x"));
    assert_eq!(failure.location.unwrap().file, "kiln.star");
    assert_eq!(
        server.requests().len(),
        1,
        "what is certain is not asked again"
    );
    let store = engine.folder.join("store");
    let left = std::fs::read_dir(&store).unwrap().flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(
        left.iter()
            .all(|name| name == ".kiln" || name.ends_with(".drv")),
        "{left:?}"
    );
}

#[tokio::test]
async fn n11_an_empty_hash_fails_with_the_line_to_write() {
    let server = Server::new(hello);
    let failure = Engine::fetching(open())
        .failure(&fetch(&[server.url("a")], ""))
        .await;
    let line = format!("sha256 = \"{}\"", hash(b"hello\n"));
    assert!(failure.message.contains(&line), "{failure:?}");
    assert_eq!(failure.kind, FailureKind::Certain);
}

#[tokio::test]
async fn n11_loopback_and_link_local_are_refused_unless_allowed() {
    let server = Server::new(hello);
    let engine = Engine::fetching(DownloadConfig {
        pause: Duration::from_millis(1),
        ..DownloadConfig::default()
    });
    let port = server.address.port();
    for host in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("0x7f.1:{port}"),
        format!("2130706433:{port}"),
        "169.254.169.254".into(),
        "[fe80::1]".into(),
    ] {
        let url = format!("http://{host}/latest/meta-data");
        let failure = engine.failure(&fetch(&[url], &hash(b"hello\n"))).await;
        assert!(
            failure.message.contains("is refused"),
            "{host}: {failure:?}"
        );
        assert!(failure.hint.contains("fetch_deny"), "{host}: {failure:?}");
        assert_eq!(failure.kind, FailureKind::Certain, "{host}: {failure:?}");
    }
    assert_eq!(server.requests().len(), 0, "nothing was connected to");
}

#[tokio::test]
async fn n11_a_redirect_to_a_file_or_a_denied_address_is_refused() {
    // ::1 may be reached, 127.0.0.1 as well, link-local and metadata not.
    let engine = Engine::fetching(DownloadConfig {
        deny: vec![Denied::LinkLocal, Denied::Metadata],
        ..open()
    });
    for (location, word) in [
        ("file:///etc/passwd", "neither https nor http"),
        ("FILE:/etc/passwd", "neither https nor http"),
        ("ftp://127.0.0.1/x", "neither https nor http"),
        ("http://169.254.169.254/latest", "is refused"),
        ("//[::ffff:169.254.169.254]/latest", "is refused"),
        ("http://[fe80::1]/", "is refused"),
    ] {
        let server = Server::new(move |_, to| redirect(to, location));
        let failure = engine.failure(&fetch(&[server.url("a")], &hash(b""))).await;
        assert!(failure.message.contains(word), "{location}: {failure:?}");
        assert_eq!(
            failure.kind,
            FailureKind::Certain,
            "{location}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn n11_ten_redirects_are_followed_and_no_more() {
    let server = Server::new(|request, to| match request.path.as_str() {
        "/0" => reply(to, "200 OK", "", b"hello\n"),
        path => {
            let left: u32 = path[1..].parse().unwrap();
            redirect(to, &format!("/{}", left - 1));
        }
    });
    let engine = Engine::fetching(open());
    engine
        .built(&fetch(&[server.url("10")], &hash(b"hello\n")))
        .await;
    let engine = Engine::fetching(open());
    let failure = engine
        .failure(&fetch(&[server.url("11")], &hash(b"hello\n")))
        .await;
    assert!(
        failure.message.contains("more than 10 times"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn n11_mirrors_are_asked_in_order_until_one_has_the_file() {
    let missing = Server::new(|_, to| reply(to, "404 Not Found", "", b"no"));
    let wrong = Server::new(|_, to| reply(to, "200 OK", "", b"evil"));
    let right = Server::new(hello);
    let engine = Engine::fetching(open());
    let urls = [
        "http://nowhere.invalid/a".to_owned(),
        missing.url("a"),
        wrong.url("a"),
        right.url("a"),
    ];
    let path = engine.built(&fetch(&urls, &hash(b"hello\n"))).await;
    assert_eq!(std::fs::read(path).unwrap(), b"hello\n");
    let asked = [&missing, &wrong, &right].map(|server| server.requests().len());
    assert_eq!(asked, [1, 1, 1]);
}

#[tokio::test]
async fn n11_a_server_in_trouble_is_asked_again_and_a_missing_file_is_not() {
    let tries = AtomicU32::new(0);
    let server = Server::new(move |request, to| match request.path.as_str() {
        "/gone" => reply(to, "404 Not Found", "", b""),
        "/down" => reply(to, "503 Service Unavailable", "", b""),
        _ if tries.fetch_add(1, Ordering::SeqCst) < 2 => {
            reply(to, "503 Service Unavailable", "", b"");
        }
        _ => reply(to, "200 OK", "", b"hello\n"),
    });
    let engine = Engine::fetching(open());
    engine
        .built(&fetch(&[server.url("later")], &hash(b"hello\n")))
        .await;
    let engine = Engine::fetching(open());
    let down = engine
        .failure(&fetch(&[server.url("down")], &hash(b"")))
        .await;
    assert_eq!(down.kind, FailureKind::Transient, "{down:?}");
    let gone = engine
        .failure(&fetch(&[server.url("gone")], &hash(b"")))
        .await;
    assert_eq!(gone.kind, FailureKind::Certain, "{gone:?}");
    assert!(gone.message.contains("404"), "{gone:?}");
}

/// Sends the first half, whatever was announced, then goes on where asked to.
fn cut_once(content: &'static [u8]) -> impl Fn(&Request, &mut TcpStream) + Send + Sync {
    move |request, to| {
        let tag = "etag: \"one\"\r\n";
        match request.range() {
            None => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n{tag}\r\n",
                    content.len()
                );
                to.write_all(head.as_bytes()).unwrap();
                to.write_all(&content[..content.len() / 2]).unwrap();
            }
            Some(at) => {
                let range = format!(
                    "{tag}content-range: bytes {at}-{}/{}\r\n",
                    content.len() - 1,
                    content.len()
                );
                reply(to, "206 Partial Content", &range, &content[at..]);
            }
        }
    }
}

#[tokio::test]
async fn n11_a_cut_download_goes_on_where_it_was() {
    static CONTENT: [u8; 300_000] = [b'k'; 300_000];
    let server = Server::new(cut_once(&CONTENT));
    let engine = Engine::fetching(open());
    let path = engine
        .built(&fetch(&[server.url("a")], &hash(&CONTENT)))
        .await;
    assert_eq!(std::fs::read(path).unwrap(), CONTENT);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].range(), Some(150_000));
    assert_eq!(requests[1].headers["if-range"], "\"one\"");
}

#[tokio::test]
async fn n11_pieces_of_two_files_are_not_taken_for_one() {
    static OLD: [u8; 1000] = [b'o'; 1000];
    static NEW: [u8; 1000] = [b'n'; 1000];
    // The server forgot what If-Range is: it sends the rest of another file.
    let first = AtomicU32::new(0);
    let server = Server::new(move |request, to| {
        match (request.range(), first.fetch_add(1, Ordering::SeqCst)) {
            (None, 0) => cut_once(&OLD)(request, to),
            (Some(_), _) => cut_once(&NEW)(request, to),
            (None, _) => reply(to, "200 OK", "", &NEW),
        }
    });
    let engine = Engine::fetching(open());
    let path = engine.built(&fetch(&[server.url("a")], &hash(&NEW))).await;
    assert_eq!(std::fs::read(path).unwrap(), NEW);
    let ranges: Vec<_> = server.requests().iter().map(Request::range).collect();
    assert_eq!(ranges, [None, Some(500), None]);
}

#[tokio::test]
async fn n11_a_body_that_ends_early_is_transient_and_one_without_end_is_certain() {
    let server = Server::new(|request, to| match request.path.as_str() {
        "/short" => {
            let _ = to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort");
        }
        "/announced" => {
            let _ = to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n");
        }
        _ => {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut sent = to.write_all(head);
            while sent.is_ok() {
                sent = to
                    .write_all(b"400\r\n")
                    .and_then(|()| to.write_all(&[b'x'; 1024]));
                sent = sent.and_then(|()| to.write_all(b"\r\n"));
            }
        }
    });
    let engine = Engine::with_size(open(), 1 << 20);
    let short = engine
        .failure(&fetch(&[server.url("short")], &hash(b"")))
        .await;
    assert_eq!(short.kind, FailureKind::Transient, "{short:?}");
    assert!(short.message.contains("cut after 5"), "{short:?}");
    for path in ["endless", "announced"] {
        let failure = engine
            .failure(&fetch(&[server.url(path)], &hash(b"")))
            .await;
        assert_eq!(failure.kind, FailureKind::Certain, "{failure:?}");
        assert!(
            failure.message.contains("larger than the 1048576"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn n11_a_server_that_drips_is_left() {
    let server = Server::new(|_, to| {
        let mut sent = to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(20));
            sent = to.write_all(b"x");
        }
    });
    let engine = Engine::fetching(DownloadConfig {
        stall: Duration::from_millis(1500),
        ..open()
    });
    let failure = engine.failure(&fetch(&[server.url("a")], &hash(b""))).await;
    assert!(failure.message.contains("next to nothing"), "{failure:?}");
    assert_eq!(failure.kind, FailureKind::Transient);
}

#[tokio::test]
async fn n11_the_builds_time_limit_ends_a_download() {
    let server = Server::new(|_, to| {
        let mut sent = to.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(10));
            sent = to
                .write_all(b"400\r\n")
                .and_then(|()| to.write_all(&[b'x'; 1024]));
            sent = sent.and_then(|()| to.write_all(b"\r\n"));
        }
    });
    let engine = Engine::fetching(open());
    let star = format!("host('h', {})\n", fetch(&[server.url("a")], &hash(b"")));
    let commit = engine.commit(&[("kiln.star", &star)]);
    let evaluated = engine.evaluated(&commit).await;
    let request = BuildRequest {
        timeout: Duration::from_secs(3),
        ..engine.build_request(evaluated, engine.heard.clone())
    };
    let outcome = engine.backend.build(request).await.unwrap();
    assert!(
        matches!(outcome, BuildOutcome::TimedOut { .. }),
        "{outcome:?}"
    );
}

fn netrc(folder: &Path, text: &str, mode: u32) -> std::path::PathBuf {
    let path = folder.join("netrc");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path
}

#[tokio::test]
async fn n11_a_login_goes_to_its_host_and_never_where_it_redirects_to() {
    let other = Server::new(hello);
    let to = other.url("there");
    let home = Server::new(move |request, connection| {
        match request.headers.get("authorization").map(String::as_str) {
            Some("Basic YW5uOnMzY3JldA==") => redirect(connection, &to),
            _ => reply(connection, "401 Unauthorized", "", b""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let text = "machine 127.0.0.1 login ann password s3cret\n";
    let engine = Engine::fetching(DownloadConfig {
        netrc_file: Some(netrc(folder.path(), text, 0o600)),
        ..open()
    });
    engine
        .built(&fetch(&[home.url("here")], &hash(b"hello\n")))
        .await;
    let there = &other.requests()[0];
    assert_eq!(there.headers.get("authorization"), None, "{there:?}");
    assert!(
        !engine.heard.text().contains("s3cret"),
        "{}",
        engine.heard.text()
    );
    // Without one, or with one that others could read, it says what to do.
    let none = Engine::fetching(open());
    let failure = none
        .failure(&fetch(&[home.url("here")], &hash(b"hello\n")))
        .await;
    assert!(failure.hint.contains("netrc_file"), "{failure:?}");
    let readable = Engine::fetching(DownloadConfig {
        netrc_file: Some(netrc(folder.path(), text, 0o644)),
        ..open()
    });
    let failure = readable
        .failure(&fetch(&[home.url("here")], &hash(b"hello\n")))
        .await;
    assert!(failure.message.contains("chmod 600"), "{failure:?}");
}

/// The child that downloads for this test: who it is, and its argument list.
fn children() -> Vec<(i32, String)> {
    let me = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let found = pids.filter_map(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let mine = status.lines().any(|line| line == format!("PPid:\t{me}"));
        (mine && arguments.contains("download")).then_some((pid, status))
    });
    found.collect()
}

/// Builds a file that never comes, looks at the child once it is asked for,
/// then cancels.
async fn while_downloading(look: impl FnOnce(i32, &str, &Path)) {
    let (asked, wait) = std::sync::mpsc::channel();
    let server = Server::new(move |_, to| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nfirst bytes");
        let _ = asked.send(());
        let mut nothing = [0];
        let _ = std::io::Read::read(to, &mut nothing); // until the child is gone
    });
    let engine = Engine::fetching(open());
    let kiln = format!("host('h', {})\n", fetch(&[server.url("a")], &hash(b"")));
    let looked = async {
        tokio::task::spawn_blocking(move || wait.recv_timeout(Duration::from_secs(120)))
            .await
            .unwrap()
            .expect("the server is asked");
        let found = children();
        assert_eq!(found.len(), 1, "{found:?}");
        look(found[0].0, &found[0].1, &engine.folder);
        engine.cancel.cancel();
        found[0].0
    };
    let (outcome, pid) = tokio::join!(engine.build(&kiln), looked);
    assert!(
        matches!(outcome, BuildOutcome::Cancelled { .. }),
        "{outcome:?}"
    );
    assert!(
        !Path::new(&format!("/proc/{pid}")).exists(),
        "the child is gone"
    );
}

// One test, since it looks at all children of this process.
#[test]
fn n11_the_child_is_a_build_user_without_rights_and_a_cancelled_build_ends_it() {
    let program = std::env::current_exe().unwrap();
    let mut alone = std::process::Command::new(program);
    alone.args(["--exact", "--ignored", "download::the_child_alone"]);
    let output = alone.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn the_child_alone() {
    while_downloading(|pid, status, folder| {
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_ascii_whitespace()
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(field("CapEff:"), ["0000000000000000"]);
        assert_eq!(field("CapPrm:"), ["0000000000000000"]);
        assert_eq!(field("NoNewPrivs:"), ["1"]);
        let uid: u32 = field("Uid:")[1].parse().unwrap();
        let me = nix::unistd::geteuid();
        match me.is_root() {
            true => assert!((60600..60632).contains(&uid), "{uid}"),
            false => assert_eq!(uid, me.as_raw()),
        }
        assert!(field("Groups:").is_empty() || !me.is_root());
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        for line in mounts.lines() {
            let options = line.split(' ').nth(5).unwrap();
            assert!(options.split(',').any(|option| option == "ro"), "{line}");
        }
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"));
        if let Ok(limits) = limits {
            let line = limits
                .lines()
                .find(|line| line.starts_with("Max processes"))
                .unwrap();
            assert!(line.split_ascii_whitespace().nth(2) == Some("0"), "{line}");
        }
        assert!(folder.exists());
    })
    .await;
}

#[tokio::test]
async fn n11_two_builds_that_want_one_file_at_once_download_it_once() {
    let (open_gate, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let server = Server::new(move |request, to| {
        let _ = gate.lock().unwrap().recv(); // ends with the sender, too
        hello(request, to);
    });
    let engine = Engine::fetching(open());
    let file = fetch(&[server.url("x")], &hash(b"hello\n"));
    let first = format!("host('h', {file})\n");
    // The file has the longer way to go: `b` runs after it was looked at.
    let second = format!(
        "c = derivation(name = 'c', deps = [{file}], script = 'echo c > $out')\n\
         b = derivation(name = 'b', script = 'echo b runs; echo b > $out')\n\
         host('h', tree('h', {{'b': symlink(b), 'c': symlink(c)}}))\n"
    );
    let begin_second = async {
        until("the first asks for it", || !server.requests().is_empty()).await;
        engine.build(&second).await
    };
    let let_go = async {
        until("b runs", || engine.heard.text().contains("b runs")).await;
        drop(open_gate);
    };
    let (one, two, ()) = tokio::join!(engine.build(&first), begin_second, let_go);
    for outcome in [one, two] {
        assert!(
            matches!(outcome, BuildOutcome::Succeeded { .. }),
            "{outcome:?}"
        );
    }
    assert_eq!(server.requests().len(), 1);
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(120), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}
