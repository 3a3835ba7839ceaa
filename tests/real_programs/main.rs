//! Real programs from their real sources: fetched, unpacked, configured, made
//! and run; and made again elsewhere, with the same bytes.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

#[path = "../common/engine.rs"]
mod engine;
#[path = "../fetch/server.rs"]
#[allow(dead_code, reason = "made for the tests of fetch()")]
mod server;

use engine::Engine;
use kiln::backend::native::download::DownloadConfig;
use kiln::store::{Hash, dump_nar};
use server::{Server, reply};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Debian's source packages: one by autoconf with a test of its own, one
/// library that other programs link.
const PACKAGES: [&str; 2] = ["hello", "zlib"];

/// Says that nothing was tested, or fails where everything is there to test.
fn skip(why: &str) {
    match std::env::var_os("KILN_TEST_SKIP_MISSING") {
        None if nix::unistd::geteuid().is_root() && has_apt() => panic!("{why}"),
        // Not by eprintln!, which the test runner keeps to itself when a test passes.
        _ => writeln!(std::io::stderr(), "SKIPPED: real programs: {why}").expect("stderr"),
    }
}

fn has_apt() -> bool {
    Path::new("/etc/debian_version").exists() && Path::new("/usr/bin/apt-get").exists()
}

/// This machine's own package sources, asked for source packages instead; other
/// lists are of others, and are asked for nothing.
fn source_lists(folder: &Path) -> bool {
    let mut found = false;
    for (name, is_list) in [
        ("sources.list", true),
        ("sources.list.d/debian.sources", false),
    ] {
        let place = Path::new("/etc/apt").join(name);
        let text = std::fs::read_to_string(&place).unwrap_or_default();
        let lines = text.lines().filter_map(|line| match is_list {
            true => line
                .strip_prefix("deb ")
                .map(|rest| format!("deb-src {rest}\n")),
            false if line.starts_with("Types:") => Some("Types: deb-src\n".into()),
            false => Some(format!("{line}\n")),
        });
        let lines: String = lines.collect();
        if lines.contains("deb-src") {
            let name = if is_list {
                "debian.list"
            } else {
                "debian.sources"
            };
            std::fs::write(folder.join(name), lines).unwrap();
            found = true;
        }
    }
    found
}

/// The upstream archives, as `apt-get source` brings and checks them.
fn archives(folder: &Path) -> Result<Vec<PathBuf>, String> {
    if !has_apt() {
        return Err("this is no Debian with apt-get".into());
    }
    let at = |name: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    for partial in ["lists/partial", "cache/archives/partial"] {
        at(partial);
    }
    if !source_lists(&at("sources")) {
        return Err("apt has no package sources".into());
    }
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args([
            "-q",
            "-o",
            "Dir::Etc::sourcelist=/dev/null",
            "-o",
            "APT::Sandbox::User=",
        ]);
        for (name, value) in [
            ("Dir::Etc::sourceparts", at("sources")),
            ("Dir::State::lists", at("lists")),
            ("Dir::Cache", at("cache")),
        ] {
            apt.arg("-o").arg(format!("{name}={}", value.display()));
        }
        let output = apt.args(arguments).current_dir(at("archives")).output();
        let output = output.map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    apt(&["update", "-o", "APT::Update::Error-Mode=any"])?;
    let wanted: Vec<&str> = ["source", "--download-only"]
        .into_iter()
        .chain(PACKAGES)
        .collect();
    apt(&wanted)?;
    let brought = std::fs::read_dir(at("archives")).unwrap().flatten();
    let mut brought: Vec<_> = brought.map(|entry| entry.path()).collect();
    brought.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.contains(".orig.tar.") && !name.ends_with(".asc")
    });
    brought.sort();
    match brought.len() == PACKAGES.len() {
        true => Ok(brought),
        false => Err(format!("apt-get brought {brought:?}")),
    }
}

/// Both programs in one tree, each by the commands its own documentation gives.
fn kiln_star(hello: &str, zlib: &str) -> String {
    format!(
        r#"
# Else the compiler may copy a constant path by instructions that hold pieces of
# it, which cannot be rewritten when the output gets its final path.
CFLAGS = "-O2 -fno-builtin"

def autotools(name, src, configure, check):
    return derivation(
        name = name,
        src = src,
        env = {{"CFLAGS": CFLAGS, "CONFIGURE": configure, "CHECK": check}},
        script = """
            ./configure --prefix="$out" $CONFIGURE
            make -j"$KILN_CORES"
            make install
            sh -eu -c "$CHECK"
        """,
    )

hello = autotools("hello", {hello}, ["--disable-nls", "--disable-dependency-tracking"],
    'test "$("$out/bin/hello")" = "Hello, world!"')
zlib = autotools("zlib", {zlib}, [], "make test")
greeter = derivation(
    name = "greeter",
    deps = [zlib],
    env = {{"ZLIB": zlib}},
    src = file("greeter.c", """
#include <stdio.h>
#include <zlib.h>
int main(void) {{ printf("zlib %s, crc %lx\\n", zlibVersion(), crc32(0, (const Bytef *)"123456789", 9)); return 0; }}
"""),
    script = """
        mkdir -p "$out/bin"
        cp /build/src greeter.c
        cc -O2 -o "$out/bin/greeter" greeter.c -I"$ZLIB/include" "$ZLIB/lib/libz.a"
    """,
)
host("h", tree("h", {{"hello": hello, "zlib": zlib, "greeter": greeter}}))
"#
    )
}

struct Made {
    // Keeps the store as long as its paths are looked at.
    _engine: Engine,
    root: PathBuf,
}

async fn made(archives: &[PathBuf]) -> Made {
    let engine = Engine::fetching(DownloadConfig {
        deny: Vec::new(), // the server is on loopback
        ..DownloadConfig::default()
    });
    let files: Vec<Vec<u8>> = archives
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let hashes: Vec<Hash> = files.iter().map(|file| Hash::of(file)).collect();
    let server = Server::new(move |request, to| match request.path.as_str() {
        "/0" => reply(to, "200 OK", "", &files[0]),
        _ => reply(to, "200 OK", "", &files[1]),
    });
    let fetch = |index: usize| {
        let url = server.url(&index.to_string());
        format!("fetch({url:?}, '{}', unpack = True)", hashes[index])
    };
    let kiln = kiln_star(&fetch(0), &fetch(1));
    let root = match engine.build(&kiln).await {
        kiln::backend::BuildOutcome::Succeeded { built, .. } => built.real_path,
        other => panic!("{other:#?}\n{}", engine.heard.text()),
    };
    Made {
        _engine: engine,
        root,
    }
}

fn said(program: &Path) -> String {
    let output = Command::new(program).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn real_programs_are_built_from_their_real_sources_and_twice_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let archives = match archives(folder.path()) {
        Ok(archives) => archives,
        Err(why) => return skip(&why),
    };
    let one = made(&archives).await;
    assert_eq!(said(&one.root.join("hello/bin/hello")), "Hello, world!\n");
    let greeting = said(&one.root.join("greeter/bin/greeter"));
    assert!(greeting.ends_with("crc cbf43926\n"), "{greeting}");
    // Another store has nothing of it: everything is made again.
    let two = made(&archives).await;
    for name in ["hello", "zlib", "greeter"] {
        let packed = [&one, &two].map(|made| {
            let mut nar = Vec::new();
            let object = std::fs::canonicalize(made.root.join(name)).unwrap();
            dump_nar(&object, &mut nar).unwrap();
            (object.file_name().unwrap().to_owned(), Hash::of(&nar))
        });
        assert_eq!(packed[0], packed[1], "{name}");
    }
}
