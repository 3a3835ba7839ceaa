//! A state whose index is damaged opens all the same. Scenario D3.
//!
//! `cargo test --test damage` damages it in 40 ways; all 200:
//! `cargo test --test damage -- --ignored`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "common/records.rs"]
mod records;

use kiln::events::{EventKind, Item};
use kiln::model::{GenerationNumber, Suspension};
use kiln::state::{Change, State};
use records::*;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const BUILT: u32 = 12;

/// A state with a history, a baseline and a suspension, closed.
async fn lived_in(folder: &Path) {
    let state = open(folder).await;
    for number in 1..=BUILT {
        build(&state, number);
    }
    let suspension = suspension();
    let change = Change {
        suspension: Some(Some(&suspension)),
        events: vec![EventKind::Suspended {
            suspension: suspension.clone(),
        }],
        ..Change::default()
    };
    state.apply(&change).unwrap();
    state.close().unwrap();
}

fn suspension() -> Suspension {
    Suspension {
        since: time::OffsetDateTime::UNIX_EPOCH,
        until: None,
        reason: "kernel day".into(),
        by: "ann".into(),
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// Truncates, flips bytes, or removes a file, anywhere in the index.
fn damage(index: &Path, random: &mut fastrand::Rng) -> String {
    let files = files_below(index);
    let file = &files[random.usize(0..files.len())];
    let length = file.metadata().unwrap().len();
    let at = random.u64(0..length.max(1));
    let open = || {
        fs::File::options()
            .read(true)
            .write(true)
            .open(file)
            .unwrap()
    };
    let what = match random.u32(0..5) {
        0 => {
            fs::remove_file(file).unwrap();
            "removed".to_owned()
        }
        1 | 2 => {
            open().set_len(at).unwrap();
            format!("cut at {at}")
        }
        _ => {
            let mut bytes = vec![0; random.usize(1..64)];
            let read = open().read_at(&mut bytes, at).unwrap();
            bytes.truncate(read);
            for byte in &mut bytes {
                *byte ^= random.u8(1..=255);
            }
            open().write_all_at(&bytes, at).unwrap();
            format!("{read} bytes flipped at {at}")
        }
    };
    format!("{} of {length} bytes {what}", file.display())
}

/// Everything the files know is there; the copy kept, where something was seen.
async fn check(folder: &Path, what: &str) -> bool {
    let state = State::open(folder)
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let reader = state.reader();
    assert_eq!(state.suspension().unwrap(), Some(suspension()), "{what}");
    assert_eq!(reader.baseline(), Some(commit(BUILT).to_string()), "{what}");
    assert_eq!(reader.current(), Some(built(BUILT)), "{what}");
    assert_eq!(reader.page(None, 100).len(), BUILT as usize, "{what}");
    assert_eq!(state.next_number(), GenerationNumber(BUILT + 1), "{what}");
    let copies = fs::read_dir(folder).unwrap().flatten();
    let kept = copies.filter(|e| e.file_name().to_string_lossy().starts_with("sled.damaged-"));
    let kept = kept.count();
    assert_eq!(
        reader.warnings().len(),
        kept,
        "{what}: {:?}",
        reader.warnings()
    );
    assert_eq!(reader.is_damaged(), kept > 0, "{what}");
    // It goes on from here, with numbers that were not used before.
    let before = state.events().last_seq();
    build(&state, BUILT + 1);
    assert!(
        state.events().last_seq() > before.max(u64::from(BUILT)),
        "{what}"
    );
    let announced = events(&state).await;
    let recovered = announced
        .iter()
        .filter(|e| matches!(e, EventKind::StateRecovered { .. }));
    assert_eq!(recovered.count(), kept, "{what}");
    kept > 0
}

async fn harness(count: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (master, mut seen) = (tempfile::tempdir().unwrap(), 0);
    lived_in(&master.path().join("state")).await;
    for _ in 0..count {
        let copy = tempfile::tempdir().unwrap();
        let state = copy.path().join("state");
        let status = std::process::Command::new("cp")
            .arg("-a")
            .arg(master.path().join("state"))
            .arg(&state)
            .status();
        assert!(status.unwrap().success());
        let what = damage(&state.join("sled"), &mut random);
        seen += usize::from(check(&state, &what).await);
    }
    // The rest hit what is not in use.
    assert!(seen > count / 10, "{seen} of {count} were noticed");
    eprintln!("{count} times damaged, {seen} times noticed and recovered");
}

#[tokio::test]
async fn d03_a_state_damaged_at_forty_places_opens_with_all_that_counts() {
    harness(40, 1).await;
}

#[tokio::test]
#[ignore = "takes minutes: cargo test --test damage -- --ignored"]
async fn d03_a_state_damaged_at_two_hundred_places_opens_with_all_that_counts() {
    harness(200, 2).await;
}

#[tokio::test]
async fn d03_damage_met_while_running_is_recovered_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    for number in 1..=200 {
        build(&state, number);
    }
    state.close().unwrap();
    drop(state);
    let state = open(folder.path()).await;
    // Behind the back of the open database.
    for file in files_below(&folder.path().join("sled")) {
        let length = file.metadata().unwrap().len();
        let open = fs::File::options().write(true).open(&file).unwrap();
        open.write_all_at(&vec![0x5a; usize::try_from(length).unwrap()], 0)
            .unwrap();
    }
    let reader = state.reader();
    assert_eq!(reader.page(None, 300).len(), 200, "from the files");
    for number in 1..=200 {
        assert_eq!(
            reader.generation(GenerationNumber(number)),
            Some(built(number))
        );
    }
    build(&state, 201);
    assert_eq!(reader.current(), Some(built(201)));
    state.close().unwrap();
    drop((state, reader));
    // Whether it was met at once or at the next start: nothing is missing.
    let state = open(folder.path()).await;
    assert_eq!(state.reader().page(None, 300).len(), 201);
}

#[test]
fn d03_the_release_profile_keeps_unwinding_for_what_sled_panics_about() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    assert_eq!(
        manifest["profile"]["release"]["panic"].as_str(),
        Some("unwind")
    );
}

async fn events(state: &State) -> Vec<EventKind> {
    let (log, mut kinds) = (state.events(), Vec::new());
    let mut subscription = log.subscribe(0);
    loop {
        match subscription.next().await {
            Some(Item::Event(event)) => {
                kinds.push(event.kind.clone());
                if event.seq >= log.last_seq() {
                    return kinds;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}
