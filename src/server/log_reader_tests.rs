use super::*;
use crate::builder::Phase;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn logs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("steps")).unwrap();
    for (name, content) in [
        ("evaluation.log", "evaluated\n"),
        ("steps/0001-hello.log", "one\n"),
        ("steps/0002-my-tree.log", "two\n"),
        ("steps/notes.txt", "not a log"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

async fn all(mut reader: LogReader) -> Vec<(String, u64, String)> {
    let mut pieces = Vec::new();
    while let Some(chunk) = reader.next().await {
        let chunk = chunk.unwrap();
        pieces.push((
            chunk.derivation,
            chunk.offset,
            String::from_utf8(chunk.data).unwrap(),
        ));
    }
    pieces
}

fn piece(derivation: &str, offset: u64, data: &str) -> (String, u64, String) {
    (derivation.into(), offset, data.into())
}

#[tokio::test]
async fn the_failed_step_comes_first_then_evaluation_and_steps_in_their_order() {
    let folder = logs();
    let reader = LogReader::new(folder.path().into(), Which::All, Some("my-tree".into()));
    let wanted = [
        piece("my-tree", 0, "two\n"),
        piece("", 0, "evaluated\n"),
        piece("hello", 0, "one\n"),
    ];
    assert_eq!(all(reader).await, wanted);
}

#[tokio::test]
async fn one_step_is_read_from_an_offset() {
    let folder = logs();
    let which = Which::new("hello".into(), 2).unwrap();
    assert_eq!(
        all(LogReader::new(folder.path().into(), which, None)).await,
        [piece("hello", 2, "e\n")]
    );
    let which = Which::new("hello".into(), 1 << 60).unwrap();
    assert_eq!(
        all(LogReader::new(folder.path().into(), which, None)).await,
        []
    );
    assert!(
        Which::new(String::new(), 1).is_err(),
        "an offset into which log?"
    );
}

#[tokio::test]
async fn a_step_without_a_log_is_not_found_and_no_empty_answer() {
    let folder = logs();
    let which = Which::new("../evaluation".into(), 0).unwrap();
    let mut reader = LogReader::new(folder.path().into(), which, None);
    assert_eq!(
        reader.next().await.unwrap().unwrap_err().code(),
        Code::NotFound
    );
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn a_long_log_comes_in_bounded_pieces_and_whole() {
    let folder = logs();
    let long = "x".repeat(200_000);
    fs::write(folder.path().join("steps/0001-hello.log"), &long).unwrap();
    let which = Which::new("hello".into(), 0).unwrap();
    let pieces = all(LogReader::new(folder.path().into(), which, None)).await;
    assert!(pieces.iter().all(|(_, _, data)| data.len() <= 65_536));
    assert_eq!(
        pieces
            .into_iter()
            .map(|(_, _, data)| data)
            .collect::<String>(),
        long
    );
}

#[tokio::test]
async fn a_follower_gets_what_is_written_later_and_ends_with_the_generation() {
    let folder = logs();
    let ended = Arc::new(AtomicBool::new(false));
    let state = BuilderState {
        phase: Phase::Building,
        generation: None,
        suspension: None,
        hold: None,
    };
    let (wake, changes) = watch::channel(state);
    let is_ended = {
        let ended = ended.clone();
        move || ended.load(Ordering::SeqCst)
    };
    let mut reader =
        LogReader::new(folder.path().into(), Which::All, None).follow(Some(Following {
            is_ended: Arc::new(is_ended),
            builder: changes,
            lines: watch::channel(()).1,
        }));
    for _ in 0..3 {
        reader.next().await.unwrap().unwrap();
    }
    // Everything is read: the next call waits until this is written.
    let writer = async {
        fs::write(folder.path().join("steps/0003-late.log"), "three\n").unwrap();
        wake.send_modify(|_| {});
    };
    let (chunk, ()) = tokio::join!(reader.next(), writer);
    assert_eq!(chunk.unwrap().unwrap().derivation, "late");
    let last_line = fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join("steps/0003-late.log"));
    std::io::Write::write_all(&mut last_line.unwrap(), b"end\n").unwrap();
    ended.store(true, Ordering::SeqCst);
    let chunk = reader.next().await.unwrap().unwrap();
    assert_eq!((chunk.offset, &chunk.data[..]), (6, &b"end\n"[..]));
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn a_follower_starts_anew_with_the_next_attempt() {
    let folder = logs();
    let steps = folder.path().join("steps");
    let ended = Arc::new(AtomicBool::new(false));
    let (_wake, changes) = watch::channel(BuilderState {
        phase: Phase::Building,
        generation: None,
        suspension: None,
        hold: None,
    });
    let is_ended = {
        let ended = ended.clone();
        move || ended.load(Ordering::SeqCst)
    };
    let which = Which::new("hello".into(), 2).unwrap();
    let mut reader = LogReader::new(folder.path().into(), which, None).follow(Some(Following {
        is_ended: Arc::new(is_ended),
        builder: changes,
        lines: watch::channel(()).1,
    }));
    let first = reader.next().await.unwrap().unwrap();
    assert_eq!((first.offset, &first.data[..]), (2, &b"e\n"[..]));
    // As the next attempt does it: the same name, and longer than what was read.
    fs::remove_dir_all(&steps).unwrap();
    fs::create_dir(&steps).unwrap();
    fs::write(steps.join("0001-hello.log"), "second attempt\n").unwrap();
    let second = reader.next().await.unwrap().unwrap();
    assert_eq!(
        (second.offset, &second.data[..]),
        (0, &b"second attempt\n"[..])
    );
    ended.store(true, Ordering::SeqCst);
    assert!(reader.next().await.is_none());
}
