//! Hostile bytes for what reads them, without end but for a time: a mutational
//! fuzzer that runs on stable Rust, a test for each target.
//!
//! `KILN_FUZZ_SECONDS` is the time of each target (`.ci/run` gives it a minute),
//! `KILN_FUZZ_SEED` the start of the random numbers. An input that breaks a
//! target is left in `target/fuzz/<target>-<hash>`, one that ends the whole
//! process in `target/fuzz/<target>.current`; to see it again:
//! `KILN_FUZZ_REPLAY=FILE cargo test --test fuzz TARGET`.
//!
//! A target is a file with `seeds()`, `mend()` and `run(&[u8])`, which needs
//! kiln's public names only: for cargo-fuzz, `fuzz_target!(|bytes: &[u8]| run(bytes))`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

mod archive;
mod nar;
mod narinfo;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than any input of this size may take, on a loaded machine too.
const TOO_LONG: Duration = Duration::from_secs(60);
/// Inputs do not grow beyond it.
const LARGEST: usize = 64 << 10;
/// Changes made to one input, at most.
const CHANGES: usize = 6;

/// What is fuzzed.
struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    /// Mends what a change breaks and every input would be refused for, like a
    /// checksum; done to half of the inputs.
    mend: fn(&mut [u8]),
    /// Panics when something is wrong.
    run: fn(&[u8]),
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_kiln"))
        .ancestors()
        .nth(2)
        .unwrap();
    let folder = target.join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn fuzz(target: &Target) {
    if let Some(file) = setting("KILN_FUZZ_REPLAY") {
        return (target.run)(&std::fs::read(file).unwrap());
    }
    let number = |name, default| setting(name).map_or(default, |text| text.parse().unwrap());
    let seconds = number("KILN_FUZZ_SECONDS", 3);
    let seed = number("KILN_FUZZ_SEED", fastrand::u64(..));
    println!("{}: KILN_FUZZ_SEED={seed}", target.name);
    let mut random = fastrand::Rng::with_seed(seed);
    for seed in &target.seeds {
        attempt(target, seed);
    }
    let (end, mut count) = (Instant::now() + Duration::from_secs(seconds), 0u64);
    while Instant::now() < end {
        attempt(target, &changed(target, &mut random));
        count += 1;
    }
    // Past the test runner, which shows nothing of what passed: a target that
    // tried little is to be seen.
    let said = format!("fuzz {}: {count} inputs in {seconds} s\n", target.name);
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    assert!(count > 0, "not one input was tried");
    std::fs::remove_file(current(target)).unwrap();
}

/// Emptied when dropped; in memory where the host has a place for that.
fn scratch() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn current(target: &Target) -> PathBuf {
    folder().join(format!("{}.current", target.name))
}

fn attempt(target: &Target, input: &[u8]) {
    std::fs::write(current(target), input).unwrap();
    let start = Instant::now();
    let end = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    if end.is_ok() && start.elapsed() < TOO_LONG {
        return;
    }
    let hash = kiln::store::encoding::hex(&kiln::store::Hash::of(input).0[..8]);
    let file = folder().join(format!("{}-{hash}", target.name));
    std::fs::write(&file, input).unwrap();
    let what = match end {
        Ok(()) => format!("took {:?}", start.elapsed()),
        Err(_) => "broke the target, as said above".into(),
    };
    panic!(
        "an input {what}; again by: KILN_FUZZ_REPLAY={} cargo test --test fuzz {}",
        file.display(),
        target.name
    );
}

/// One of the seeds with some changes.
fn changed(target: &Target, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = random.choice(&target.seeds).unwrap().clone();
    for _ in 0..random.usize(1..=CHANGES) {
        change(&mut input, &target.seeds, random);
    }
    input.truncate(LARGEST);
    if random.bool() {
        (target.mend)(&mut input);
    }
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
    /// Where sizes and signs turn over.
    const NUMBERS: [u64; 10] = [
        0,
        1,
        7,
        0x7f,
        0xff,
        0x7fff_ffff,
        0xffff_ffff,
        1 << 40,
        i64::MAX as u64,
        u64::MAX,
    ];
    /// What names and links are made of.
    const WORDS: [&[u8]; 8] = [
        b"../",
        b"/",
        b"./",
        b"\0",
        b"\n",
        b"a/",
        b"..",
        b"77777777777",
    ];
    if input.is_empty() {
        input.push(random.u8(..));
    }
    let at = random.usize(..input.len());
    let length = random.usize(1..=64).min(input.len() - at);
    match random.u8(0..9) {
        0 => input[at] ^= 1 << random.u8(0..8),
        1 => input[at] = random.u8(..),
        2 => drop(input.drain(at..at + length)),
        3 => {
            let piece = input[at..at + length].to_vec();
            input.splice(at..at, piece);
        }
        4 => input.truncate(at),
        5 => {
            let number = random.choice(NUMBERS).unwrap().to_le_bytes();
            let bytes = &number[..random.choice([1, 2, 4, 8]).unwrap()];
            let end = (at + bytes.len()).min(input.len());
            input.splice(at..end, bytes.iter().copied());
        }
        6 => {
            let word = random.choice(WORDS).unwrap();
            let end = (at + word.len()).min(input.len());
            input.splice(at..end, word.iter().copied());
        }
        7 => {
            let other = random.choice(seeds).unwrap();
            let from = random.usize(..other.len());
            let to = (from + random.usize(1..=1024)).min(other.len());
            input.splice(at..at + length, other[from..to].iter().copied());
        }
        _ => {
            // The field at this place, of a tar or a NAR, once more elsewhere.
            let block = at - at % 8;
            let piece = input[block..(block + 512).min(input.len())].to_vec();
            let to = random.usize(..input.len()) / 8 * 8;
            input.splice(to..to, piece);
        }
    }
}
