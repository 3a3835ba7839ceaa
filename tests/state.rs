//! The state against full, read-only and foreign disks, clocks and versions.
//! Scenarios D2, D4, D5 and D6 below the agent.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "common/records.rs"]
mod records;

use kiln::events::{EventKind, EventLog, Item};
use kiln::model::{Generation, GenerationNumber};
use kiln::state::{Change, Places, Retention, State, StateError};
use records::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn only(generation: &Generation) -> Change<'_> {
    Change {
        generation: Some(generation),
        ..Change::default()
    }
}

/// Every file below `folder` with its content, but the lock.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false if path.ends_with("lock") => {}
            false => {
                found.insert(path.clone(), fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}

#[tokio::test]
async fn d05_a_state_of_a_newer_kiln_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    build(&state, 1);
    state.close().unwrap();
    drop(state);
    fs::write(folder.path().join("version"), "99\n").unwrap();
    let before = contents(folder.path());
    let refused = State::open(folder.path()).await.err().unwrap();
    assert!(
        matches!(refused, StateError::Newer { found: 99, .. }),
        "{refused}"
    );
    assert_eq!(contents(folder.path()), before);
}

#[tokio::test]
async fn d05_a_record_of_a_newer_kiln_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    build(&state, 1);
    drop(state);
    let record = Places::new(folder.path())
        .generation(GenerationNumber(1))
        .join("generation.json");
    let newer = fs::read_to_string(&record)
        .unwrap()
        .replace("\"version\": 1", "\"version\": 99");
    fs::write(&record, &newer).unwrap();
    let refused = State::open(folder.path()).await.err().unwrap();
    assert!(
        matches!(refused, StateError::Newer { found: 99, .. }),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&record).unwrap(), newer);
}

#[tokio::test]
async fn d04_a_folder_that_belongs_to_somebody_else_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    std::os::unix::fs::chown(folder.path(), Some(1234), None).unwrap();
    let refused = State::open(folder.path()).await.err().unwrap().to_string();
    assert!(
        refused.contains("1234") && refused.contains("chown"),
        "{refused}"
    );
}

#[tokio::test]
async fn d02_a_transition_cut_off_after_it_was_recorded_is_done_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    state.apply(&only(&running(1))).unwrap();
    drop(state);
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/records-v1/transition-built.json"
    );
    fs::copy(fixture, folder.path().join("transition.json")).unwrap();
    let state = open(folder.path()).await;
    let reader = state.reader();
    assert_eq!(reader.current().unwrap().number, GenerationNumber(7));
    assert_eq!(reader.baseline().unwrap(), "a".repeat(40));
    assert_eq!(state.next_number(), GenerationNumber(8));
    assert!(
        state.events().last_seq() >= 10,
        "its events have their numbers"
    );
    assert!(!folder.path().join("transition.json").exists());
}

#[tokio::test]
async fn d04_a_change_that_cannot_be_written_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    build(&state, 1);
    // The last file of the transition cannot be written: a folder is in its place.
    let baseline = Places::new(folder.path()).baseline();
    fs::remove_file(&baseline).unwrap();
    fs::create_dir(&baseline).unwrap();
    let (seq, second) = (state.events().last_seq(), built(2));
    let change = built_change(&second);
    state.apply(&change).unwrap_err();
    assert!(state.reader().is_damaged(), "status says so");
    assert_eq!(state.reader().current(), Some(built(1)));
    assert_eq!(state.reader().generation(GenerationNumber(2)), None);
    let written = kiln::state::files::read_generation(folder.path(), GenerationNumber(2));
    assert_eq!(written.unwrap(), None, "memory and disk agree");
    fs::remove_dir(&baseline).unwrap();
    state.apply(&change).unwrap();
    assert!(!state.reader().is_damaged());
    assert_eq!(state.reader().current(), Some(built(2)));
    assert!(state.events().last_seq() > seq);
}

fn keep(built: u32, failed: u32) -> Retention {
    Retention {
        built,
        failed,
        age: Duration::ZERO,
        logs: 1 << 30,
        events: 100_000,
    }
}

#[tokio::test]
async fn d06_what_leaves_takes_its_folder_its_logs_and_its_record_and_no_number_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    let places = Places::new(folder.path());
    for number in 1..=6 {
        build(&state, number);
        fs::create_dir_all(places.logs(GenerationNumber(number))).unwrap();
    }
    for number in 7..=9 {
        state.apply(&only(&failed(number))).unwrap();
    }
    let left = state.retain(&keep(2, 1)).unwrap();
    assert_eq!(left.generations, [8, 7, 4, 3, 2, 1].map(GenerationNumber));
    let numbers = |state: &State| {
        state
            .reader()
            .page(None, 50)
            .iter()
            .map(|g| g.number.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&state), [9, 6, 5]);
    assert!(
        !places.logs(GenerationNumber(1)).exists() && places.logs(GenerationNumber(6)).exists()
    );
    assert!(!places.generation(GenerationNumber(4)).exists());
    assert_eq!(
        state.retain(&keep(2, 1)).unwrap(),
        kiln::state::Left::default()
    );
    drop(state);
    let state = open(folder.path()).await;
    assert_eq!(numbers(&state), [9, 6, 5]);
    assert_eq!(state.next_number(), GenerationNumber(10));
}

#[tokio::test]
async fn d06_the_oldest_logs_leave_when_all_are_too_large_but_not_the_latest() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    let places = Places::new(folder.path());
    for number in 1..=4 {
        build(&state, number);
        let logs = places.logs(GenerationNumber(number)).join("steps");
        fs::create_dir_all(&logs).unwrap();
        let mut noise = vec![0; 1000]; // as large when it is packed
        fastrand::Rng::with_seed(u64::from(number)).fill(&mut noise);
        fs::write(logs.join("00001-a.log"), noise).unwrap();
    }
    let mut retention = keep(10, 10);
    retention.logs = 2500;
    assert_eq!(
        state.retain(&retention).unwrap().logs,
        [1, 2].map(GenerationNumber)
    );
    retention.logs = 0;
    assert_eq!(
        state.retain(&retention).unwrap().logs,
        [3].map(GenerationNumber)
    );
}

#[tokio::test]
async fn d07_events_beyond_the_count_leave_and_who_is_behind_is_told() {
    use kiln::events::Item;
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    for number in 1..=50 {
        build(&state, number); // two events each
    }
    drop(state);
    let state = open(folder.path()).await; // nothing in memory
    let mut retention = keep(100, 100);
    retention.events = 10;
    let oldest = state.retain(&retention).unwrap().events.unwrap();
    assert_eq!(oldest, 91);
    let mut behind = state.events().subscribe(3);
    assert!(matches!(
        behind.next().await,
        Some(Item::Lagged { seq: 90 })
    ));
    for seq in 91..=100 {
        match behind.next().await {
            Some(Item::Event(event)) => assert_eq!(event.seq, seq),
            other => panic!("{other:?}"),
        }
    }
    build(&state, 51);
    assert!(state.events().last_seq() > 100);
}

#[tokio::test]
async fn d02_a_snapshot_of_the_index_that_a_kill_cut_off_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    build(&state, 1);
    let last = state.events().last_seq();
    state.close().unwrap();
    drop(state);
    // As sled names what it is writing; it sorts behind every other.
    for (name, half) in [
        ("snap.FFFFFFFFFFFFFFFE", &b"half of it"[..]),
        ("snap.FFFFFFFFFFFFFFFF", b""),
    ] {
        let path = folder
            .path()
            .join("sled")
            .join(format!("{name}.generating"));
        fs::write(path, half).unwrap();
    }
    let state = open(folder.path()).await;
    assert_eq!(state.reader().warnings(), Vec::<String>::new());
    assert!(!state.reader().is_damaged());
    let mut events = state.events().subscribe(last - 1);
    match events.next().await {
        Some(kiln::events::Item::Event(event)) => assert_eq!(event.seq, last),
        other => panic!("{other:?}"),
    }
}

fn size(folder: &Path) -> u64 {
    let files = contents(folder);
    files.values().map(|content| content.len() as u64).sum()
}

#[tokio::test]
async fn d06_an_index_far_larger_than_what_lives_in_it_is_made_small_at_the_next_start() {
    use kiln::events::EventKind;
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    build(&state, 1);
    for _ in 0..20 {
        let large = EventKind::ConfigurationReloaded {
            error: "x".repeat(32 << 10),
            needs_restart: Vec::new(),
        };
        let change = Change {
            events: vec![large; 50],
            ..Change::default()
        };
        state.apply(&change).unwrap();
    }
    let mut retention = keep(10, 10);
    retention.events = 10;
    state.retain(&retention).unwrap();
    let last = state.events().last_seq();
    state.close().unwrap();
    drop(state);
    let index = folder.path().join("sled");
    let grown = size(&index);
    assert!(grown > 30 << 20, "{grown}");
    let state = open(folder.path()).await;
    assert!(size(&index) < grown / 4, "{} of {grown}", size(&index));
    assert!(!folder.path().join("sled.old").exists());
    assert_eq!(state.reader().current(), Some(built(1)));
    assert_eq!(state.reader().page(None, 10), [built(1)]);
    let mut events = state.events().subscribe(last - 1);
    match events.next().await {
        Some(kiln::events::Item::Event(event)) => assert_eq!(event.seq, last),
        other => panic!("{other:?}"),
    }
}

/// Runs this test again, alone, in a mount namespace with a small disk at
/// `folder`; `false` in that run, and where nobody may do this.
fn in_a_small_disk(test: &str, size: &str, folder: &Path) -> bool {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can mount a small disk");
        return true;
    }
    let script = format!(
        "mount --make-rprivate / && mount -t tmpfs -o size={size} tmpfs {0} && exec \"$0\" --exact {test} --nocapture --include-ignored",
        folder.display()
    );
    let status = Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("KILN_TEST_DISK", folder)
        .status()
        .unwrap();
    assert!(status.success());
    true
}

/// The small disk this run was given, if it was.
fn disk() -> Option<PathBuf> {
    std::env::var_os("KILN_TEST_DISK").map(PathBuf::from)
}

/// Takes all that is left.
fn fill(disk: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(disk.join("filler")).unwrap();
    for size in [1 << 16, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

#[tokio::test]
async fn d04_on_a_full_disk_the_reserve_finishes_what_was_begun_and_is_made_again() {
    let Some(disk) = disk() else {
        let folder = tempfile::tempdir().unwrap();
        in_a_small_disk(
            "d04_on_a_full_disk_the_reserve_finishes_what_was_begun_and_is_made_again",
            "96m",
            folder.path(),
        );
        return;
    };
    let folder = disk.join("state");
    let state = open(&folder).await;
    build(&state, 1);
    assert_eq!(folder.join("reserve").metadata().unwrap().len(), 16 << 20);
    fill(&disk);
    build(&state, 2);
    assert!(!folder.join("reserve").exists(), "it was spent");
    let warnings = state.reader().warnings();
    assert!(warnings.iter().any(|w| w.contains("full")), "{warnings:?}");
    // Until nothing is left at all: a clear refusal, and nothing half done.
    fill_again(&disk);
    let mut number = 3;
    let refused = loop {
        match state.apply(&built_change(&built(number))) {
            Ok(()) => number += 1,
            Err(error) => break error.to_string(),
        }
        assert!(number < 3000, "the disk never fills");
    };
    assert!(
        refused.contains("No space left") || refused.contains("StorageFull"),
        "{refused}"
    );
    assert_eq!(state.reader().current(), Some(built(number - 1)));
    assert!(!state.reader().is_damaged(), "nothing of it is");
    assert_eq!(state.reader().full_disk(), Some(&*folder));
    // Space again: it goes on where it was, and after a restart.
    fs::remove_file(disk.join("filler")).unwrap();
    fs::remove_file(disk.join("filler2")).unwrap();
    build(&state, number + 1);
    assert!(folder.join("reserve").exists(), "it is made again");
    assert_eq!(state.reader().full_disk(), None);
    assert_eq!(state.reader().warnings(), Vec::<String>::new());
    state.close().unwrap();
    drop(state);
    let state = open(&folder).await;
    assert_eq!(state.reader().warnings(), Vec::<String>::new());
    assert_eq!(state.reader().current(), Some(built(number + 1)));
    assert_eq!(state.reader().page(None, 5000).len() as u32, number);
}

/// What the reserve gave back, too, but for a little.
fn fill_again(disk: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(disk.join("filler2")).unwrap();
    while file.write_all(&vec![1; 1 << 12]).is_ok() {}
}

#[tokio::test]
async fn d04_a_read_only_state_is_refused_with_its_path_and_nothing_is_changed() {
    let Some(disk) = disk() else {
        let folder = tempfile::tempdir().unwrap();
        in_a_small_disk(
            "d04_a_read_only_state_is_refused_with_its_path_and_nothing_is_changed",
            "64m",
            folder.path(),
        );
        return;
    };
    let folder = disk.join("state");
    let state = open(&folder).await;
    build(&state, 1);
    state.close().unwrap();
    drop(state);
    let before = contents(&folder);
    let remount = |how: &str| {
        let status = Command::new("mount").args(["-o", how]).arg(&disk).status();
        assert!(status.unwrap().success());
    };
    remount("remount,ro");
    let refused = State::open(&folder).await.err().unwrap().to_string();
    assert!(
        refused.contains("Read-only") && refused.contains("state"),
        "{refused}"
    );
    assert_eq!(contents(&folder), before);
    remount("remount,rw");
    assert_eq!(open(&folder).await.reader().current(), Some(built(1)));
}

fn selected(number: u32) -> EventKind {
    EventKind::Resumed {
        by: number.to_string(),
    }
}

async fn read(log: &EventLog, count: u32) -> Vec<EventKind> {
    let mut subscription = log.subscribe(0);
    let mut kinds = Vec::new();
    while kinds.len() < count as usize {
        let item = subscription.next().await.unwrap();
        let Item::Event(event) = item else {
            panic!("{item:?}")
        };
        kinds.push(event.kind.clone());
    }
    kinds
}

#[tokio::test]
async fn d07_progress_is_seen_before_the_first_transition_and_is_written_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    let log = state.events();
    log.progress(selected(0));
    assert_eq!(read(&state.events(), 1).await, [selected(0)]);
    // More than there are numbers for without a transition.
    let total = 3000;
    for number in 1..total {
        log.progress(selected(number));
        let waits = tokio::time::timeout(Duration::ZERO, state.progress_due());
        if waits.await.is_ok() {
            state.write_progress().unwrap();
        }
    }
    let all: Vec<_> = (0..total).map(selected).collect();
    assert_eq!(read(&state.events(), total).await, all);
    drop((state, log));
    // As after a crash: all but what no batch was full for yet.
    let state = open(folder.path()).await;
    let written = total - 256;
    assert_eq!(
        read(&state.events(), written).await,
        all[..written as usize]
    );
}

#[tokio::test]
async fn d05_an_index_of_a_newer_schema_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    build(&state, 1);
    state.close().unwrap();
    drop(state);
    let index = sled::open(folder.path().join("sled")).unwrap();
    index.insert("schema", &99u32.to_be_bytes()).unwrap();
    index.flush().unwrap();
    drop(index);
    let kept = |state: &Path| {
        let mut all = contents(state);
        // sled notes where its log ends whenever it is opened.
        all.retain(|path, _| !path.to_string_lossy().contains("/sled/snap."));
        all
    };
    let before = kept(folder.path());
    let refused = State::open(folder.path()).await.err().unwrap();
    assert!(
        matches!(refused, StateError::Newer { found: 99, .. }),
        "{refused}"
    );
    let after = kept(folder.path());
    let names = |all: &BTreeMap<PathBuf, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    let changed: Vec<_> = after.iter().filter(|(p, b)| before[*p] != **b).collect();
    assert!(
        changed.is_empty(),
        "{:?}",
        changed.iter().map(|c| c.0).collect::<Vec<_>>()
    );
}
