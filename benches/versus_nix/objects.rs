//! Trees into the store, without steps.

use super::{RUNS, median, nix, place, timed, verdict};
use kiln::store::{PublishRequest, Store};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

const FILES: usize = 10_000;
const BIG: usize = 512 << 20;

/// Copies a folder of 10,000 small files, which stays, into an empty store as
/// one object: read, written, hashed. Nix's is a process that ends with its
/// database synced and its files not; kiln's is a call, told without its record
/// on disk and with both there, which is the stricter comparison.
pub fn add(nix: Option<&nix::Nix>) {
    let tree = place().join("files");
    for n in 0..FILES {
        let sub = tree.join((n % 100).to_string());
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(sub.join(n.to_string()), format!("the file {n}\n")).unwrap();
    }
    let (mut ours, mut durable, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (added, synced) = add_once(&tree);
        ours.push(added);
        durable.push(synced);
        theirs.extend(nix.map(|nix| nix.add(&tree)));
    }
    let (ours, durable) = (median(ours), median(durable));
    println!("adding {FILES} small files: {ours:.0} ms, durable after {durable:.0} ms");
    if !theirs.is_empty() {
        let theirs = median(theirs);
        println!(
            "nix-store --add, its files not durable: {theirs:.0} ms: {:.1} times (limit 3): {}; {:.1} times when kiln's is durable",
            theirs / ours,
            verdict(theirs / ours >= 3.0),
            theirs / durable
        );
    }
}

/// Until the object is there, and until it is durable too.
fn add_once(tree: &Path) -> (Duration, Duration) {
    let store = Store::open(&place().join("store")).unwrap();
    let none = BTreeSet::new();
    let added = timed(|| drop(store.add_tree(tree, "files", &none).unwrap()));
    let synced = timed(|| store.sync().unwrap());
    (added, added + synced)
}

fn publish(store: &Store, path: &Path) {
    store
        .publish(PublishRequest {
            path,
            name: "files",
            candidates: &BTreeSet::new(),
            scratch_self: None,
        })
        .unwrap();
}

/// NAR, hash and scan of one big file over SHA-256 of its bytes alone.
pub fn hash() {
    let store = Store::open(&place().join("store")).unwrap();
    let (mut ours, mut alone) = (Vec::new(), Vec::new());
    for run in 0..RUNS * 2 {
        let scratch = store.scratch().unwrap();
        let path = scratch.path().join("big");
        write_big(&path, run);
        alone.push(timed(|| sha256(&path)));
        ours.push(timed(|| publish(&store, &path)));
    }
    let (ours, alone) = (median(ours), median(alone));
    let speed = |ms: f64| BIG as f64 / ms / 1e6;
    println!(
        "NAR, hash and scan of one big file: {:.2} GB/s, SHA-256 alone {:.2}: {:.0} % (limit 80): {}",
        speed(ours),
        speed(alone),
        100.0 * alone / ours,
        verdict(alone / ours >= 0.8)
    );
}

fn write_big(path: &Path, seed: usize) {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let mut file = std::fs::File::create(path).unwrap();
    let mut block = vec![0; 1 << 20];
    for _ in 0..BIG >> 20 {
        random.fill(&mut block);
        file.write_all(&block).unwrap();
    }
}

fn sha256(path: &Path) {
    let mut file = std::fs::File::open(path).unwrap();
    let (mut hash, mut block) = (Sha256::new(), vec![0; 256 << 10]);
    loop {
        let read = file.read(&mut block).unwrap();
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
    }
    std::hint::black_box(hash.finalize());
}
