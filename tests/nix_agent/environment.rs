//! What Nix gets of the environment kiln is started with.

use crate::support::*;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// Answers one question as a proxy does; gives its first line.
fn proxy() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap())
            .read_line(&mut line)
            .unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
        stream.write_all(answer.as_bytes()).unwrap();
        line
    });
    (url, asked)
}

#[test]
fn f06_nix_goes_through_the_proxy_and_to_the_keys_that_kiln_was_started_with() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    world.own_settings();
    let (url, asked) = proxy();
    // Of "hello\n".
    let hash = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    let got = format!(
        "${{builtins.fetchurl {{ url = \"http://files.invalid/hello\"; sha256 = \"{hash}\"; }}}}"
    );
    world.flake(&got, "");
    world.infra.commit_all("a file of the network");
    let dev = |args: &[&str]| {
        let mut kiln = world.home.command();
        kiln.args(["dev", world.infra.path.to_str().unwrap(), "--once"]);
        kiln.args(["--host", "web-1", "--json"]).args(args);
        kiln
    };
    let output = dev(&[])
        .env("http_proxy", url)
        // These say what is evaluated and how: they are not handed on.
        .env("NIX_CONFIG", "restrict-eval = true\nallowed-uris =")
        .env("NIX_PATH", "nixpkgs=/nowhere")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let line = asked.join().unwrap();
    assert!(
        line.starts_with("GET http://files.invalid/hello "),
        "{line:?}"
    );
    // An ssh that says who holds its keys.
    let (bin, told) = (world.home.path("own-bin"), world.home.path("told"));
    std::fs::create_dir(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$SSH_AUTH_SOCK\" >{}\nexit 1\n",
        told.display()
    );
    std::fs::write(bin.join("ssh"), script).unwrap();
    std::fs::set_permissions(bin.join("ssh"), PermissionsExt::from_mode(0o755)).unwrap();
    let rev = "0123456789abcdef0123456789abcdef01234567";
    world.flake(
        &format!("${{builtins.fetchGit {{ url = \"ssh://git.invalid/x\"; rev = \"{rev}\"; }}}}"),
        "",
    );
    world.infra.commit_all("a repository behind ssh");
    let path = std::env::var("PATH").unwrap();
    let output = dev(&[])
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("SSH_AUTH_SOCK", "/run/user/1/agent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        std::fs::read_to_string(told).unwrap(),
        "/run/user/1/agent\n"
    );
}
