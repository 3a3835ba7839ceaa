//! An archive of elsewhere: what is unpacked stays in its folder and within
//! its limits, and is nothing but files, folders and links.

use super::{Target, fuzz, scratch};
use kiln::backend::native::unpack::{Limits, Tree, unpack};
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const LIMITS: Limits = Limits {
    bytes: 256 << 10,
    entries: 200,
};
const BLOCK: usize = 512;

fn tar_seed() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let mut add = |kind, path: &str, target: &str, content: &[u8]| {
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        if target.is_empty() {
            tar.append_data(&mut header, path, content).unwrap();
        } else {
            tar.append_link(&mut header, path, target).unwrap();
        }
    };
    add(tar::EntryType::Directory, "top/", "", b"");
    add(tar::EntryType::Regular, "top/file", "", b"content\n");
    add(
        tar::EntryType::Regular,
        &format!("top/{}", "long/".repeat(30)),
        "",
        b"x",
    );
    add(tar::EntryType::Symlink, "top/link", "file", b"");
    add(tar::EntryType::Link, "top/hard", "top/file", b"");
    add(tar::EntryType::Symlink, "top/out", "/tmp", b"");
    tar.into_inner().unwrap()
}

fn zip_seed() -> Vec<u8> {
    use zip::write::SimpleFileOptions;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_directory("top/", options).unwrap();
    zip.start_file("top/file", options.unix_permissions(0o755))
        .unwrap();
    zip.write_all(&b"content\n".repeat(20)).unwrap();
    zip.add_symlink("top/link", "file", options).unwrap();
    zip.finish().unwrap().into_inner()
}

fn deb_seed(data: &[u8]) -> Vec<u8> {
    let mut ar = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("data.tar", data)] {
        let size = content.len();
        ar.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 0).bytes());
        ar.extend_from_slice(content);
        ar.resize(ar.len().next_multiple_of(2), b'\n');
    }
    ar
}

fn seeds() -> Vec<Vec<u8>> {
    let tar = tar_seed();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).unwrap();
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(&tar).unwrap();
    let zst = zstd::encode_all(&tar[..], 1).unwrap();
    vec![
        tar.clone(),
        tar.clone(),
        gz.finish().unwrap(),
        bz2.finish().unwrap(),
        zst,
        XZ.to_vec(),
        zip_seed(),
        deb_seed(&tar),
        deb_seed(XZ),
    ]
}

/// A tar with one file `a` that holds `b`, by xz.
const XZ: &[u8] = include_bytes!("seed.tar.xz");

/// Writes the right checksum into every tar header.
fn mend(bytes: &mut [u8]) {
    let begin = if bytes.starts_with(b"!<arch>") {
        132
    } else {
        0
    };
    for block in bytes
        .get_mut(begin..)
        .unwrap_or_default()
        .chunks_exact_mut(BLOCK)
    {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

pub fn run(bytes: &[u8]) {
    let folder = scratch();
    let top = folder.path().join("tree");
    fs::create_dir(&top).unwrap();
    let mut ignored = |_| ();
    let opened = fs::File::open(&top).unwrap();
    let mut tree = Tree::new(opened.into(), LIMITS, &mut ignored);
    let _ = unpack(&mut Cursor::new(bytes), &mut tree); // refused or not, what follows holds
    let beside = fs::read_dir(folder.path()).unwrap().flatten();
    assert!(
        beside
            .map(|entry| entry.file_name())
            .all(|name| name == "tree")
    );
    let (mut entries, mut size) = (0, 0);
    walk(&top, &mut entries, &mut size);
    assert!(entries <= LIMITS.entries, "{entries} entries");
    // One piece more than the limit may have been on its way.
    assert!(size <= LIMITS.bytes + (128 << 10), "{size} bytes");
}

fn walk(folder: &Path, entries: &mut u64, size: &mut u64) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let found = entry.metadata().unwrap();
        *entries += 1;
        if found.is_dir() {
            walk(&entry.path(), entries, size);
        } else if found.is_file() {
            assert_eq!(found.mode() & 0o7000, 0, "{}", entry.path().display());
            *size += found.len();
        } else {
            assert!(found.is_symlink(), "{}", entry.path().display());
        }
    }
}

#[test]
fn n11_archive() {
    fuzz(&Target {
        name: "archive",
        seeds: seeds(),
        mend,
        run,
    });
}
