use super::super::{PublishRequest, Verification};
use super::*;
use std::collections::BTreeSet;

fn never() -> bool {
    false
}

/// An object that is a folder with these files.
fn folder(store: &Store, name: &str, files: &[(&str, &[u8], bool)]) -> StorePath {
    let scratch = store.scratch().unwrap();
    for (path, bytes, executable) in files {
        let path = scratch.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        super::super::write_file(&path, bytes, *executable).unwrap();
    }
    let request = PublishRequest {
        path: scratch.path(),
        name,
        candidates: &BTreeSet::new(),
        scratch_self: None,
    };
    store.publish(request).unwrap()
}

/// Two folders and a file with much in common.
fn filled(dir: &Path) -> (Store, Vec<PathBuf>) {
    let store = Store::open(dir).unwrap();
    let big = vec![7; 100_000];
    let a = folder(
        &store,
        "a",
        &[
            ("x/one", &big, false),
            ("x/run", &big, true),
            ("only", b"here", false),
        ],
    );
    let b = folder(&store, "b", &[("y/two", &big, false), ("none", b"", false)]);
    let c = store.add_file("c", &big, false, &BTreeSet::new()).unwrap();
    store.sync().unwrap();
    let place = |path: &StorePath, inside: &str| store.real_path(path).join(inside);
    let places = vec![
        place(&a, "x/one"),
        place(&b, "y/two"),
        store.real_path(&c),
        place(&a, "x/run"),
        place(&a, "only"),
        place(&b, "none"),
    ];
    (store, places)
}

fn inodes(places: &[PathBuf]) -> Vec<u64> {
    let inode = |place: &PathBuf| fs::metadata(place).unwrap().ino();
    places.iter().map(inode).collect()
}

fn is_whole(store: &Store) {
    let verification = Verification {
        repair: false,
        cancelled: &never,
    };
    assert_eq!(store.verify(&verification).unwrap().findings, []);
}

#[test]
fn equal_files_become_one_and_everything_else_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (store, places) = filled(dir.path());
    let before = inodes(&places);
    let done = store.optimise(&never).unwrap();
    let after = inodes(&places);
    if done.by_blocks {
        eprintln!("the tests' folder is on a file system that shares blocks");
        assert_eq!(before, after);
    } else {
        let size = fs::metadata(&places[0]).unwrap().blocks() * 512;
        assert_eq!((done.files, done.bytes), (2, 2 * size));
        assert!(
            after[..3].iter().all(|inode| *inode == after[0]),
            "{after:?}"
        );
        assert_eq!(after[3..], before[3..], "a program is another file");
    }
    for place in &places {
        let found = fs::metadata(place).unwrap();
        assert!(is_canonical(&found), "{place:?}");
        let parent = fs::metadata(place.parent().unwrap()).unwrap();
        assert!(
            place.parent() == Some(dir.path()) || is_canonical(&parent),
            "{place:?}"
        );
    }
    assert_eq!(fs::read(&places[1]).unwrap(), vec![7; 100_000]);
    is_whole(&store);
    let again = store.optimise(&never).unwrap();
    assert_eq!((again.files, again.bytes), (0, 0));
    assert_eq!(
        fs::read_dir(dir.path().join(".kiln/tmp")).unwrap().count(),
        0
    );
}

#[test]
fn what_is_damaged_or_not_canonical_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (store, places) = filled(dir.path());
    fs::set_permissions(&places[0], Permissions::from_mode(0o644)).unwrap();
    let before = inodes(&places);
    let done = store.optimise(&never).unwrap();
    let after = inodes(&places);
    assert_eq!((done.files, after[0]), (1, before[0]));
}

#[test]
fn an_object_that_goes_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, places) = filled(dir.path());
    store.optimise(&never).unwrap();
    let kept = places[2].file_name().unwrap().to_str().unwrap();
    let kept = StorePath::from_base_name(kept).unwrap();
    let collection = super::super::Collection {
        roots: &|| Ok(BTreeSet::from([kept.clone()])),
        dry_run: false,
        companions: false,
        cancelled: &never,
    };
    assert_eq!(store.gc(&collection).unwrap().objects.len(), 2);
    assert_eq!(fs::read(&places[2]).unwrap(), vec![7; 100_000]);
    is_whole(&store);
}

#[test]
fn what_is_not_recorded_yet_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let (store, places) = filled(dir.path());
    let unsaved = folder(&store, "new", &[("same", &[7; 100_000], false)]);
    let new = store.real_path(&unsaved).join("same");
    let before = inodes(std::slice::from_ref(&new));
    store.optimise(&never).unwrap();
    assert_eq!(inodes(std::slice::from_ref(&new)), before);
    assert_eq!(fs::metadata(&new).unwrap().nlink(), 1);
    drop(places);
}

#[test]
fn a_folder_left_open_by_a_crash_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let (store, places) = filled(dir.path());
    let folder = places[0].parent().unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    File::open(folder)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    store.optimise(&never).unwrap();
    assert!(is_canonical(&fs::metadata(folder).unwrap()));
}
