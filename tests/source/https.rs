//! `https://` against a real server: TLS, authorities, credentials, redirects.

use crate::support::*;
use kiln::model::{Failure, FailureKind};
use kiln::source::fetch::FetchOutcome;
use kiln::source::{Auth, RemoteConfig};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None`, said on standard error, where the tools for it are missing.
fn serve(folder: &Path, token: &str, redirect: &str) -> Option<Server> {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    if !certificate.exists() {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]);
        openssl.args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key);
        if !openssl.output().is_ok_and(|output| output.status.success()) {
            eprintln!("NOT RUN: https needs openssl to make a certificate");
            return None;
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/source/git_https.py");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .arg(folder)
        .arg(&certificate)
        .arg(&key)
        .args([token, redirect]);
    let Ok(mut child) = command.stdout(Stdio::piped()).spawn() else {
        eprintln!("NOT RUN: https needs python3 for its server");
        return None;
    };
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port = line.trim().parse();
    let mut server = Server { child, port: 0 };
    let Ok(port) = port else {
        eprintln!("NOT RUN: the https server did not start");
        return None;
    };
    server.port = port;
    Some(server)
}

fn https(place: &Place, port: u16, path: &str) -> RemoteConfig {
    RemoteConfig {
        ca_file: Some(place.folder.path().join("cert.pem")),
        ..remote("origin", format!("https://localhost:{port}/{path}"))
    }
}

fn token_file(place: &Place, token: &str) -> PathBuf {
    let path = place.folder.path().join("token");
    std::fs::write(&path, token).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn requests(place: &Place) -> String {
    std::fs::read_to_string(place.folder.path().join("requests.log")).unwrap_or_default()
}

async fn failure(place: &Place, remote: &RemoteConfig) -> Failure {
    match place.fetch(remote).await {
        FetchOutcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn https_brings_commits_once_the_authority_is_known() {
    let place = Place::new();
    let Some(server) = serve(place.folder.path(), "", "") else {
        return;
    };
    let repo = place.repo("infra");
    repo.commit("a");
    let remote = https(&place, server.port, "infra/.git");
    for file in ["b", "c"] {
        let head = repo.commit(file);
        let heads = place.heads(&remote).await;
        assert_eq!(heads[&branch("main")], Some(head));
    }
    assert!(place.is_whole());
    let stranger = failure(
        &place,
        &RemoteConfig {
            ca_file: None,
            ..remote.clone()
        },
    )
    .await;
    assert_eq!(stranger.kind, FailureKind::Certain, "{stranger:?}");
    assert!(stranger.hint.contains("ca_file"), "{stranger:?}");
    let wrong_name = RemoteConfig {
        url: remote.url.replace("localhost", "127.0.0.1"),
        ..remote
    };
    assert_eq!(
        failure(&place, &wrong_name).await.kind,
        FailureKind::Certain
    );
}

#[tokio::test]
async fn s14_the_token_is_read_at_every_use_and_never_shown() {
    let place = Place::new();
    let Some(server) = serve(place.folder.path(), "right", "") else {
        return;
    };
    let repo = place.repo("infra");
    let head = repo.commit("a");
    let remote = https(&place, server.port, "infra/.git");
    let without = failure(&place, &remote).await;
    assert!(
        without.message.contains("401") && without.hint.contains("token_file"),
        "{without:?}"
    );
    let auth = Auth {
        username: "ann".into(),
        token_file: token_file(&place, "wrong-token\n"),
    };
    let remote = RemoteConfig {
        auth: Some(auth),
        ..remote
    };
    let wrong = failure(&place, &remote).await;
    assert!(!format!("{wrong:?}").contains("wrong-token"), "{wrong:?}");
    token_file(&place, "right\n");
    assert_eq!(place.heads(&remote).await[&branch("main")], Some(head));
}

#[tokio::test]
async fn s14_a_redirect_to_another_host_carries_no_credentials() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let repo = elsewhere.repo("infra");
    let head = repo.commit("a");
    let Some(target) = serve(elsewhere.folder.path(), "", "") else {
        return;
    };
    let to = format!("https://localhost:{}", target.port);
    let Some(server) = serve(place.folder.path(), "", &to) else {
        return;
    };
    let both = place.folder.path().join("both.pem");
    let pems =
        [&place, &elsewhere].map(|p| std::fs::read(p.folder.path().join("cert.pem")).unwrap());
    std::fs::write(&both, pems.concat()).unwrap();
    let auth = Auth {
        username: "ann".into(),
        token_file: token_file(&place, "secret"),
    };
    let remote = RemoteConfig {
        auth: Some(auth),
        ca_file: Some(both),
        ..https(&place, server.port, "infra/.git")
    };
    assert_eq!(place.heads(&remote).await[&branch("main")], Some(head));
    assert!(requests(&place).contains("Basic "), "{}", requests(&place));
    let seen = requests(&elsewhere);
    assert!(
        seen.contains("POST /infra/.git/git-upload-pack") && !seen.contains("Basic "),
        "{seen}"
    );
}

#[tokio::test]
async fn what_is_no_git_server_is_told_apart_from_a_server_in_trouble() {
    let place = Place::new();
    let Some(server) = serve(place.folder.path(), "", "") else {
        return;
    };
    let trouble = failure(&place, &https(&place, server.port, "broken/x")).await;
    assert_eq!(trouble.kind, FailureKind::Transient, "{trouble:?}");
    for path in ["login/x", "gone.git"] {
        let failure = failure(&place, &https(&place, server.port, path)).await;
        assert_eq!(failure.kind, FailureKind::Certain, "{failure:?}");
        assert!(!failure.hint.is_empty());
    }
    let Some(plain) = serve(place.folder.path(), "", "http://localhost:1") else {
        return;
    };
    let failure = failure(&place, &https(&place, plain.port, "x")).await;
    assert!(failure.message.contains("not https"), "{failure:?}");
}
