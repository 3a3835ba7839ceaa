use super::*;
use std::fs;

fn none() -> BTreeSet<StorePath> {
    BTreeSet::new()
}

fn outputs(path: &StorePath) -> Outputs {
    Outputs::from([("out".to_owned(), path.clone())])
}

const KEY: RealisationKey = RealisationKey([5; 32]);

#[test]
fn what_was_recorded_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let a = store.add_file("a", b"a", true, &none()).unwrap();
    let b = store
        .add_file("b", a.to_string().as_bytes(), false, &[a.clone()].into())
        .unwrap();
    store.record_realisation(KEY, &outputs(&b)).unwrap();
    let info = store.info(&b).unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.realisation(KEY), Some(outputs(&b)));
    assert_eq!(store.info(&b), Some(info));
    assert_eq!(store.closure([b.clone()]).unwrap(), [a, b].into());
}

#[test]
fn n07_an_object_without_its_record_is_not_there_and_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let a = store.add_file("a", b"a", false, &none()).unwrap();
    assert!(store.contains(&a), "at once for this process");
    drop(store); // killed before anything was synced
    let store = Store::open(dir.path()).unwrap();
    assert!(!store.contains(&a));
    fs::remove_file(store.real_path(&a)).unwrap();
    fs::write(store.real_path(&a), "half").unwrap();
    assert_eq!(store.add_file("a", b"a", false, &none()).unwrap(), a);
    assert_eq!(fs::read(store.real_path(&a)).unwrap(), b"a");
}

#[test]
fn a_damaged_record_is_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let a = store.add_file("a", b"a", false, &none()).unwrap();
    store.record_realisation(KEY, &outputs(&a)).unwrap();
    for folder in ["objects", "realisations"] {
        for entry in fs::read_dir(dir.path().join(".kiln").join(folder)).unwrap() {
            fs::write(entry.unwrap().path(), "{\"version\":1,").unwrap();
        }
    }
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.realisation(KEY), None);
    assert!(!store.contains(&a));
}

#[test]
fn n05_a_realisation_counts_only_with_its_whole_closure() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let a = store.add_file("a", b"a", false, &none()).unwrap();
    let b = store
        .add_file("b", a.to_string().as_bytes(), false, &[a.clone()].into())
        .unwrap();
    store.record_realisation(KEY, &outputs(&b)).unwrap();
    fs::remove_file(store.real_path(&a)).unwrap();
    assert_eq!(store.realisation(KEY), None);
}

#[test]
fn n05_the_first_realisation_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let a = store.add_file("a", b"a", false, &none()).unwrap();
    let b = store.add_file("b", b"b", false, &none()).unwrap();
    assert_eq!(
        store.record_realisation(KEY, &outputs(&a)).unwrap(),
        outputs(&a)
    );
    assert_eq!(
        store.record_realisation(KEY, &outputs(&b)).unwrap(),
        outputs(&a)
    );
    assert_eq!(store.realisation(KEY), Some(outputs(&a)));
}

#[test]
fn n05_the_first_realisation_wins_though_neither_is_on_the_disk_yet() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let a = store.add_file("a", b"a", false, &none()).unwrap();
    let b = store.add_file("b", b"b", false, &none()).unwrap();
    for made in [&a, &b] {
        let holds = store.remember_unrecorded(KEY, &outputs(made)).unwrap();
        assert_eq!(holds, outputs(&a));
    }
    fs::remove_file(store.real_path(&a)).unwrap();
    let holds = store.remember_unrecorded(KEY, &outputs(&b)).unwrap();
    assert_eq!(holds, outputs(&b), "what is gone does not count");
    let missing = store.remember_unrecorded(KEY, &outputs(&a));
    assert!(matches!(missing, Err(StoreError::Missing(path)) if path == a));
}

#[test]
fn n07_what_an_interrupted_process_left_is_swept_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let scratch = store.scratch().unwrap();
    fs::create_dir_all(scratch.path().join("a/b")).unwrap();
    fs::set_permissions(scratch.path().join("a"), Permissions::from_mode(0o555)).unwrap();
    std::mem::forget(scratch);
    drop(store);
    Store::open(dir.path()).unwrap();
    assert_eq!(
        fs::read_dir(dir.path().join(".kiln/tmp")).unwrap().count(),
        0
    );
}

#[test]
fn many_threads_publish_the_same_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let paths: BTreeSet<StorePath> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let path = store.add_file("same", b"same", false, &none()).unwrap();
                    store.record_realisation(KEY, &outputs(&path)).unwrap();
                    path
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(paths.len(), 1);
    assert_eq!(
        fs::read_dir(dir.path().join(".kiln/tmp")).unwrap().count(),
        0
    );
}

#[test]
fn a_step_s_folder_that_is_used_again_has_no_times_of_the_step_before() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let scratch = store.step_scratch().unwrap();
    let output = scratch.path().join("store");
    fs::create_dir(&output).unwrap();
    let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(2_000_000_000);
    let times = fs::FileTimes::new().set_accessed(later);
    fs::File::open(&output).unwrap().set_times(times).unwrap();
    scratch.over();
    drop(scratch);
    let again = store.step_scratch().unwrap();
    assert_eq!(again.path().join("store"), output, "it is used again");
    assert_eq!(fs::metadata(&output).unwrap().atime(), 1);
}
