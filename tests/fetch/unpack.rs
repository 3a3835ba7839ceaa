//! `fetch(unpack = True)`: every format, and archives that mean harm.

use crate::engine::Engine;
use crate::server::{Server, reply};
use kiln::backend::native::download::DownloadConfig;
use kiln::model::{Failure, FailureKind};
use kiln::store::Hash;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tar::{EntryType, Header};

struct Archives {
    engine: Engine,
}

impl Archives {
    fn new() -> Self {
        Self::with_size(64 << 20)
    }

    fn with_size(size: u64) -> Self {
        let config = DownloadConfig {
            deny: Vec::new(),
            ..DownloadConfig::default()
        };
        Archives {
            engine: Engine::with_size(config, size),
        }
    }

    fn fetch(bytes: Vec<u8>) -> (Server, String) {
        let hash = Hash::of(&bytes);
        let server = Server::new(move |_, to| reply(to, "200 OK", "", &bytes));
        let url = server.url("x-1.0.tar.gz");
        (server, format!("fetch({url:?}, '{hash}', unpack = True)"))
    }

    async fn unpacked(&self, bytes: Vec<u8>) -> PathBuf {
        let (_server, fetch) = Self::fetch(bytes);
        self.engine.built(&fetch).await
    }

    async fn refused(&self, bytes: Vec<u8>) -> Failure {
        let (_server, fetch) = Self::fetch(bytes);
        let failure = self.engine.failure(&fetch).await;
        assert_eq!(failure.kind, FailureKind::Certain, "{failure:?}");
        assert_eq!(failure.location.as_ref().unwrap().file, "kiln.star");
        failure
    }
}

/// One entry of a tar, its name written as it is.
fn entry(to: &mut Vec<u8>, kind: EntryType, name: &[u8], target: &[u8], mode: u32, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
    header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target);
    header.set_cksum();
    to.extend_from_slice(header.as_bytes());
    to.extend_from_slice(content);
    to.resize(to.len().next_multiple_of(512), 0);
}

fn file(to: &mut Vec<u8>, name: &str, content: &str) {
    entry(
        to,
        EntryType::Regular,
        name.as_bytes(),
        b"",
        0o644,
        content.as_bytes(),
    );
}

fn ended(mut tar: Vec<u8>) -> Vec<u8> {
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A tar with a folder at its top that has everything a tree may have.
fn good() -> Vec<u8> {
    let mut tar = Vec::new();
    entry(&mut tar, EntryType::Directory, b"x-1.0/", b"", 0o700, b"");
    file(&mut tar, "./x-1.0/README", "read me\n");
    entry(
        &mut tar,
        EntryType::Regular,
        b"x-1.0/bin/run",
        b"",
        0o4755,
        b"#!/bin/sh\n",
    );
    entry(
        &mut tar,
        EntryType::Symlink,
        b"x-1.0/link",
        b"bin/run",
        0o777,
        b"",
    );
    entry(
        &mut tar,
        EntryType::Link,
        b"x-1.0/hard",
        b"x-1.0/README",
        0o644,
        b"",
    );
    ended(tar)
}

fn check(tree: &Path) {
    assert_eq!(
        fs::read_to_string(tree.join("README")).unwrap(),
        "read me\n"
    );
    assert_eq!(fs::read_to_string(tree.join("hard")).unwrap(), "read me\n");
    assert_eq!(
        fs::read_link(tree.join("link")).unwrap(),
        Path::new("bin/run")
    );
    let mode = |path: &str| fs::metadata(tree.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("bin/run"), 0o555, "setuid is dropped");
    assert_eq!((mode("README"), mode("bin")), (0o444, 0o555));
    let owner = fs::metadata(tree.join("README")).unwrap().uid();
    assert_eq!(owner, nix::unistd::geteuid().as_raw());
}

fn python(code: &str, input: &[u8]) -> Vec<u8> {
    let mut python = Command::new("python3");
    python
        .args(["-c", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = python
        .spawn()
        .expect("python3 is there: tests/run installs it");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// The same bytes as other programs compress them.
fn compressed(tar: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let with = |module: &str| {
        let code = format!(
            "import sys, {module}; sys.stdout.buffer.write({module}.compress(sys.stdin.buffer.read()))"
        );
        python(&code, tar)
    };
    vec![
        ("tar", tar.to_vec()),
        ("gz", with("gzip")),
        ("xz", with("lzma")),
        ("bz2", with("bz2")),
        ("zst", zstd::encode_all(tar, 3).unwrap()),
    ]
}

fn deb(data: &[u8]) -> Vec<u8> {
    let mut ar = b"!<arch>\n".to_vec();
    for (name, content) in [
        ("debian-binary", &b"2.0\n"[..]),
        ("control.tar.xz", b"odd"),
        ("data.tar.gz", data),
    ] {
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            "100644",
            content.len()
        );
        ar.extend_from_slice(header.as_bytes());
        ar.extend_from_slice(content);
        ar.resize(ar.len().next_multiple_of(2), b'\n');
    }
    ar
}

#[tokio::test]
async fn n11_every_compression_of_one_tar_gives_the_same_object() {
    let archives = Archives::new();
    let mut trees = Vec::new();
    for (kind, bytes) in compressed(&good()) {
        let tree = archives.unpacked(bytes).await;
        assert!(
            tree.to_string_lossy().ends_with("-x-1.0"),
            "{kind}: {}",
            tree.display()
        );
        check(&tree);
        trees.push(tree);
    }
    trees.dedup();
    assert_eq!(trees.len(), 1, "addressed by its NAR: {trees:?}");
}

#[tokio::test]
async fn n11_a_zip_is_unpacked_like_a_tar() {
    let code = "
import sys, zipfile, io
out = io.BytesIO()
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
    def add(name, mode, data):
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = mode << 16
        z.writestr(info, data)
    add('x/', 0o40755, '')
    add('x/README', 0o100644, 'read me\\n')
    add('x/hard', 0o100600, 'read me\\n')
    add('x/bin/run', 0o104755, '#!/bin/sh\\n')
    add('x/link', 0o120777, 'bin/run')
sys.stdout.buffer.write(out.getvalue())";
    let archives = Archives::new();
    let tree = archives.unpacked(python(code, b"")).await;
    check(&tree);
}

#[tokio::test]
async fn n11_a_zip_that_has_a_name_twice_is_refused() {
    let code = "
import sys, zipfile, io, warnings
warnings.simplefilter('ignore')
out = io.BytesIO()
with zipfile.ZipFile(out, 'w') as z:
    for name in ['ok', 'dir/', 'dir/', 'run', 'run']:
        z.writestr(name, '')
sys.stdout.buffer.write(out.getvalue())";
    let archives = Archives::new();
    let failure = archives.refused(python(code, b"")).await;
    assert!(
        failure.message.contains("run") && failure.message.contains("is there twice"),
        "{failure:?}"
    );
    let fine = code.replace("'run', 'run'", "'run'");
    archives.unpacked(python(&fine, b"")).await;
}

#[tokio::test]
async fn n11_of_a_deb_the_files_are_taken_as_they_are_laid_out() {
    let mut tar = Vec::new();
    file(&mut tar, "./usr/share/doc", "read me\n");
    let gz = compressed(&ended(tar)).remove(1).1;
    let archives = Archives::new();
    let tree = archives.unpacked(deb(&gz)).await;
    assert_eq!(
        fs::read_to_string(tree.join("usr/share/doc")).unwrap(),
        "read me\n"
    );
}

#[tokio::test]
async fn two_things_at_the_top_stay_where_they_are() {
    let mut tar = Vec::new();
    file(&mut tar, "a/b", "1");
    file(&mut tar, "c", "2");
    let archives = Archives::new();
    let tree = archives.unpacked(ended(tar)).await;
    assert_eq!(fs::read_to_string(tree.join("a/b")).unwrap(), "1");
    assert_eq!(fs::read_to_string(tree.join("c")).unwrap(), "2");
}

#[tokio::test]
async fn what_was_unpacked_works_offline_afterwards() {
    let archives = Archives::new();
    let (server, fetch) = Archives::fetch(good());
    let first = archives.engine.built(&fetch).await;
    drop(server);
    assert_eq!(archives.engine.built(&fetch).await, first);
}

#[tokio::test]
async fn n11_an_archive_that_means_harm_is_refused_as_a_whole() {
    let archives = Archives::new();
    let outside = archives.engine.folder.join("outside");
    let one = |kind, name: &[u8], target: &[u8]| {
        let mut tar = Vec::new();
        file(&mut tar, "ok", "1");
        entry(&mut tar, kind, name, target, 0o644, b"");
        ended(tar)
    };
    let below_link = |target: &str| {
        let mut tar = Vec::new();
        entry(
            &mut tar,
            EntryType::Symlink,
            b"d",
            target.as_bytes(),
            0o777,
            b"",
        );
        file(&mut tar, "d/evil", "evil");
        ended(tar)
    };
    let twice = |first, second| {
        let mut tar = Vec::new();
        entry(&mut tar, first, b"a", b"ok", 0o644, b"");
        entry(&mut tar, second, b"a", b"ok", 0o644, b"");
        ended(tar)
    };
    let regular = EntryType::Regular;
    let deep = "a/".repeat(40);
    for (archive, word) in [
        (one(regular, b"/etc/evil", b""), "is absolute"),
        (one(regular, b"../evil", b""), "'..'"),
        (one(regular, b"a/../../evil", b""), "'..'"),
        (one(regular, b"a\nb", b""), "control character"),
        (one(regular, b"./.", b""), "names no file"),
        (one(EntryType::Char, b"dev", b""), "a device"),
        (one(EntryType::Block, b"dev", b""), "a device"),
        (one(EntryType::Fifo, b"pipe", b""), "a pipe"),
        (one(EntryType::Link, b"h", b"/etc/shadow"), "is absolute"),
        (one(EntryType::Link, b"h", b"../../outside"), "'..'"),
        (one(EntryType::Link, b"h", b"later"), "no file before it"),
        (one(EntryType::Symlink, b"l", b""), "target"),
        (below_link(&outside.to_string_lossy()), "through a link"),
        (below_link("."), "through a link"),
        (twice(regular, regular), "twice"),
        (twice(EntryType::Symlink, regular), "twice"),
        (twice(regular, EntryType::Symlink), "twice"),
        (
            twice(EntryType::Symlink, EntryType::Directory),
            "through a link",
        ),
        (b"not an archive".to_vec(), "no archive kiln can unpack"),
        (good()[..700].to_vec(), "damaged"),
        (deb(b"no tar"), "damaged"),
        (compressed(b"no tar").remove(1).1, "damaged"),
    ] {
        let failure = archives.refused(archive).await;
        assert!(failure.message.contains(word), "{word}: {failure:?}");
    }
    assert!(!outside.exists() && !Path::new("/etc/evil").exists());
    let mut tar = Vec::new();
    file(&mut tar, &format!("{deep}f"), "fine");
    archives.unpacked(ended(tar)).await;
}

#[tokio::test]
async fn n11_a_symlink_cannot_be_linked_to_and_so_leads_nowhere() {
    let mut tar = Vec::new();
    entry(
        &mut tar,
        EntryType::Symlink,
        b"s",
        b"/etc/passwd",
        0o777,
        b"",
    );
    entry(&mut tar, EntryType::Link, b"h", b"s", 0o644, b"");
    let failure = Archives::new().refused(ended(tar)).await;
    assert!(failure.message.contains("no file before it"), "{failure:?}");
}

#[tokio::test]
async fn n11_a_bomb_is_stopped_at_the_limit() {
    let archives = Archives::with_size(1 << 20);
    let mut large = Vec::new();
    entry(
        &mut large,
        EntryType::Regular,
        b"zeros",
        b"",
        0o644,
        &vec![0; 16 << 20],
    );
    let mut links = Vec::new();
    entry(
        &mut links,
        EntryType::Regular,
        b"half",
        b"",
        0o644,
        &vec![1; 600_000],
    );
    entry(&mut links, EntryType::Link, b"other", b"half", 0o644, b"");
    for tar in [ended(large), ended(links)] {
        let bomb = zstd::encode_all(&tar[..], 3).unwrap();
        assert!(bomb.len() < 1 << 20, "the archive itself is small");
        let failure = archives.refused(bomb).await;
        assert!(
            failure.message.contains("more than the 1048576 bytes"),
            "{failure:?}"
        );
    }
}
