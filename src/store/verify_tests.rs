use super::super::{Outputs, RealisationKey};
use super::*;
use std::fs as std_fs;

const KEY: RealisationKey = RealisationKey([5; 32]);

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
    leaf: StorePath,
    top: StorePath,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let none = BTreeSet::new();
    let leaf = store.add_file("leaf", b"leaf", false, &none).unwrap();
    let text = format!("see {leaf}");
    let top = store
        .add_file("top", text.as_bytes(), false, &[leaf.clone()].into())
        .unwrap();
    let outputs = Outputs::from([("out".to_owned(), top.clone())]);
    store.record_realisation(KEY, &outputs).unwrap();
    Fixture {
        dir,
        store,
        leaf,
        top,
    }
}

fn look(store: &Store, repair: bool) -> Verified {
    store
        .verify(&Verification {
            repair,
            cancelled: &|| false,
        })
        .unwrap()
}

fn flaws(verified: &Verified) -> Vec<&Flaw> {
    verified.findings.iter().map(|found| &found.flaw).collect()
}

fn overwrite(store: &Store, path: &StorePath, bytes: &[u8]) {
    let file = store.real_path(path);
    std_fs::remove_file(&file).unwrap();
    std_fs::write(&file, bytes).unwrap();
}

#[test]
fn n07_a_store_that_is_whole_has_no_flaw() {
    let f = fixture();
    let verified = look(&f.store, true);
    assert_eq!((verified.checked, verified.findings.len()), (2, 0));
}

#[test]
fn n07_a_damaged_object_is_found_and_moved_aside_with_its_realisations() {
    let f = fixture();
    overwrite(&f.store, &f.leaf, b"lead");
    let verified = look(&f.store, false);
    assert!(
        matches!(flaws(&verified)[..], [Flaw::Damaged(_)]),
        "{verified:?}"
    );
    assert!(f.store.contains(&f.leaf), "a look changes nothing");
    let verified = look(&f.store, true);
    assert!(
        matches!(
            flaws(&verified)[..],
            [Flaw::Damaged(_), Flaw::Lacks(_), Flaw::Hollow]
        ),
        "{verified:?}"
    );
    assert!(!f.store.contains(&f.leaf) && f.store.contains(&f.top));
    assert_eq!(f.store.realisation(KEY), None, "it is built again");
    let kept = f.dir.path().join(".kiln/damaged").join(f.leaf.base_name());
    assert_eq!(std_fs::read(kept).unwrap(), b"lead");
    // Made again, all is well.
    let again = f.store.add_file("leaf", b"leaf", false, &BTreeSet::new());
    assert_eq!(again.unwrap(), f.leaf);
    f.store.sync().unwrap();
    assert_eq!(look(&f.store, false).findings, []);
}

#[test]
fn n07_records_that_are_lost_or_wrong_are_made_again_from_the_objects() {
    let f = fixture();
    let record = |path: &StorePath| {
        let name = format!("{}.json", path.base_name());
        f.dir.path().join(".kiln/objects").join(name)
    };
    let before = [&f.leaf, &f.top].map(|path| f.store.info(path).unwrap());
    std_fs::remove_file(record(&f.leaf)).unwrap();
    let wrong = std_fs::read_to_string(record(&f.top)).unwrap();
    let wrong = wrong.replace("\"references\":[\"/", "\"references\":[],\"was\":[\"/");
    std_fs::write(record(&f.top), wrong).unwrap();
    let store = Store::open(f.dir.path()).unwrap();
    let verified = look(&store, true);
    assert!(
        flaws(&verified).contains(&&Flaw::ObjectAlone),
        "{verified:?}"
    );
    assert!(
        flaws(&verified).contains(&&Flaw::WrongRecord),
        "{verified:?}"
    );
    let store = Store::open(f.dir.path()).unwrap();
    for info in before {
        let found = store.info(&info.path).unwrap();
        assert_eq!(found.references, info.references);
        assert_eq!(found.nar_hash, info.nar_hash);
    }
    assert_eq!(look(&store, false).findings, []);
    assert!(store.realisation(KEY).is_some());
}

#[test]
fn n07_an_object_that_proves_nothing_is_no_object() {
    let f = fixture();
    let record = format!(".kiln/objects/{}.json", f.leaf.base_name());
    std_fs::write(f.dir.path().join(record), "{").unwrap();
    overwrite(&f.store, &f.leaf, b"half");
    let store = Store::open(f.dir.path()).unwrap();
    let verified = look(&store, true);
    assert!(
        flaws(&verified).contains(&&Flaw::UnreadableRecord),
        "{verified:?}"
    );
    assert!(!store.contains(&f.leaf));
    let found = look(&store, false);
    assert!(matches!(flaws(&found)[..], [Flaw::Lacks(_)]), "{found:?}");
}

#[test]
fn n07_a_record_without_its_object_goes() {
    let f = fixture();
    std_fs::remove_file(f.store.real_path(&f.top)).unwrap();
    let verified = look(&f.store, true);
    assert!(
        matches!(flaws(&verified)[..], [Flaw::RecordAlone, Flaw::Hollow]),
        "{verified:?}"
    );
    assert_eq!(look(&f.store, false).findings, []);
}
