//! Plain Nix reads the commit, and what the configuration names.

use crate::common::command;
use crate::support::*;
use kiln::backend::nix::NixKind;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// Answers every question with these bytes, as long as the test runs.
fn serve(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let asked = BufReader::new(stream.try_clone().unwrap()).lines();
            // Until the empty line.
            asked.map_while(Result::ok).find(String::is_empty);
            let length = bytes.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(&bytes); // whoever asked may have gone
        }
    });
    origin
}

#[tokio::test]
async fn f01_a_plain_file_gets_what_the_configuration_names_and_is_told_how_to_name_it() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Plain);
    let pkgs = world.path("pkgs");
    std::fs::create_dir(&pkgs).unwrap();
    std::fs::write(pkgs.join("default.nix"), step("of-pkgs", "echo > $out")).unwrap();
    // As `<nixpkgs>` is used, and as a pinned archive is.
    let searched = format!("{{ {} }}", system("", "import <pkgs>"));
    world.repository.write("default.nix", &searched);
    let commit = world.commit();
    let failure = world.failure(&commit).await;
    assert!(
        failure.hint.contains("nix-path = \"nixpkgs="),
        "{failure:?}"
    );
    let option = |name: &str, value: String| (name.to_owned(), value);
    let path = format!("pkgs={}", pkgs.display());
    world.config.options.push(option("nix-path", path));
    let found = world.evaluated(&commit).await;
    assert!(found.drv_path.ends_with("-of-pkgs.drv"), "{found:?}");

    let archive = world.path("pkgs.tar");
    let mut tar = command("tar");
    tar.arg("-cf")
        .arg(&archive)
        .arg("-C")
        .arg(world.path(""))
        .arg("pkgs");
    assert!(tar.status().unwrap().success());
    let hash = world.nix(
        "nix-hash",
        &["--type", "sha256", "--base32", pkgs.to_str().unwrap()],
    );
    let origin = serve(std::fs::read(archive).unwrap());
    let url = format!("{origin}/archives/pkgs.tar");
    let pinned = format!(
        "import (builtins.fetchTarball {{ url = {url:?}; sha256 = \"{}\"; }})",
        hash.trim()
    );
    let pinned = format!("{{ {} }}", system("", &pinned));
    world.repository.write("default.nix", &pinned);
    let commit = world.commit();
    let failure = world.failure(&commit).await;
    let begin = format!("{origin}/archives/");
    let key = format!("allowed-uris = {begin:?}");
    assert!(failure.hint.contains(&key), "{failure:?}");
    // What the hint says is what helps.
    world.config.options.push(option("allowed-uris", begin));
    assert_eq!(world.evaluated(&commit).await, found);
}
