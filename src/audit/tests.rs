use super::*;
use serde_json::Value;

fn entry(message: &str) -> Entry {
    Entry {
        time: OffsetDateTime::UNIX_EPOCH,
        uid: Some(1000),
        user: "ann".into(),
        via: "unix",
        action: "Builder.Suspend",
        target: String::new(),
        reason: "kernel day".into(),
        result: AuditResult::Done,
        message: message.into(),
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn seqs(path: &Path) -> Vec<u64> {
    let seq = |line: &Value| line["seq"].as_u64().unwrap();
    lines(path).iter().map(seq).collect()
}

#[test]
fn a_line_has_the_fields_of_the_contract_and_nobody_else_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&path).unwrap();
    log.ready().unwrap();
    log.append(&entry("a\nb")).unwrap();
    let found = lines(&path).remove(0);
    let wanted = serde_json::json!({
        "seq": 1, "time": "1970-01-01T00:00:00Z", "uid": 1000, "user": "ann", "via": "unix",
        "action": "Builder.Suspend", "target": "", "reason": "kernel day", "result": "done",
        "message": "a\nb",
    });
    assert_eq!(found, wanted);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_torn_last_line_is_cut_off_at_the_next_start_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&path).unwrap();
    log.append(&entry("first")).unwrap();
    log.append(&entry("second")).unwrap();
    drop(log);
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in first..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let log = AuditLog::open(&path).unwrap();
        log.append(&entry("after")).unwrap();
        let kept: &[u64] = if cut == whole.len() {
            &[1, 2, 3]
        } else {
            &[1, 2]
        };
        assert_eq!(seqs(&path), kept, "cut at {cut}");
        assert_eq!(lines(&path).last().unwrap()["message"], "after");
    }
    // What a file system may leave of a write that never reached it.
    fs::write(&path, [&whole[..], &[0; 200_000]].concat()).unwrap();
    AuditLog::open(&path).unwrap();
    assert_eq!(seqs(&path), [1, 2]);
}

#[test]
fn a_full_file_is_rotated_numbers_go_on_and_old_ones_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for _ in 0..20 {
        let log = AuditLog::open_with(&path, 300).unwrap();
        log.ready().unwrap();
        log.append(&entry("x")).unwrap();
    }
    let mut found: Vec<u64> = (1..=KEPT)
        .rev()
        .flat_map(|n| seqs(&old(&path, n)))
        .collect();
    found.extend(seqs(&path));
    let wanted: Vec<u64> = (1..=20).collect();
    assert!(wanted.ends_with(&found), "{found:?}");
    assert!(!old(&path, KEPT + 1).exists());
    // The file that was just begun is empty: its number is in the one before.
    fs::write(&path, "").unwrap();
    let before = *seqs(&old(&path, 1)).last().unwrap();
    AuditLog::open(&path).unwrap().append(&entry("x")).unwrap();
    assert_eq!(seqs(&path), [before + 1]);
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew_and_one_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&path).unwrap();
    log.append(&entry("first")).unwrap();
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    log.ready().unwrap();
    log.append(&entry("second")).unwrap();
    assert_eq!(seqs(&path), [2]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = log.ready().unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    assert!(matches!(
        AuditLog::open(&path),
        Err(AuditError::NotAFile(_))
    ));
}

#[test]
fn texts_from_outside_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&path).unwrap();
    log.append(&entry(&"ä\u{1}".repeat(100_000))).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < ROOM / 4);
    assert_eq!(seqs(&path), [1]);
}
