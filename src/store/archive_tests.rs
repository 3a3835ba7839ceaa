use super::*;
use std::collections::BTreeSet;

struct Two {
    _dir: tempfile::TempDir,
    from: Store,
    to: Store,
    leaf: StorePath,
    top: StorePath,
}

/// A store with `top`, a tree that refers to `leaf` and to itself, and an empty one.
fn two() -> Two {
    let dir = tempfile::tempdir().unwrap();
    let from = Store::open(&dir.path().join("from")).unwrap();
    let to = Store::open(&dir.path().join("to")).unwrap();
    let leaf = from
        .add_file("leaf", b"leaf", true, &BTreeSet::new())
        .unwrap();
    let scratch = from.scratch().unwrap();
    let own: StorePath = "/var/lib/kiln/store/w8iw7qwakxj95ah19icykqn9ddbfsmk1-top"
        .parse()
        .unwrap();
    let tree = scratch.path().join("t");
    std::fs::create_dir_all(tree.join("d")).unwrap();
    std::fs::write(tree.join("d/f"), format!("{leaf} {own}")).unwrap();
    std::os::unix::fs::symlink(own.to_string(), tree.join("l")).unwrap();
    let top = from
        .publish(super::super::PublishRequest {
            path: &tree,
            name: "top",
            candidates: &BTreeSet::from([leaf.clone()]),
            scratch_self: Some(&own),
        })
        .unwrap();
    Two {
        _dir: dir,
        from,
        to,
        leaf,
        top,
    }
}

fn archive(store: &Store, path: &StorePath) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.export([path.clone()], &mut bytes).unwrap();
    bytes
}

fn import(store: &Store, bytes: &[u8]) -> Result<Vec<StorePath>, ImportError> {
    store.import(&mut &*bytes, 1 << 20, &|| false)
}

fn is_empty(store: &Store) -> bool {
    let entries = std::fs::read_dir(store.dir()).unwrap().flatten();
    let scratch = std::fs::read_dir(store.dir().join(".kiln/tmp")).unwrap();
    entries.count() == 1 && scratch.count() == 0 && store.object_count().unwrap() == 0
}

fn replace(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let at = bytes.windows(what.len()).position(|w| w == what).unwrap();
    [&bytes[..at], by, &bytes[at + what.len()..]].concat()
}

#[test]
fn n06_a_closure_comes_back_as_it_was_with_its_references() {
    let t = two();
    let bytes = archive(&t.from, &t.top);
    let paths = import(&t.to, &bytes).unwrap();
    assert_eq!(paths, [t.leaf.clone(), t.top.clone()]);
    let again = Store::open(t.to.dir()).unwrap();
    for path in &paths {
        let (there, here) = (t.from.info(path).unwrap(), again.info(path).unwrap());
        assert_eq!(there.nar_hash, here.nar_hash);
        assert_eq!(there.references, here.references);
    }
    assert_eq!(archive(&again, &t.top), bytes);
    assert_eq!(import(&t.to, &bytes).unwrap(), paths, "twice is fine");
}

#[test]
fn n06_an_archive_cut_anywhere_leaves_nothing() {
    let t = two();
    let bytes = archive(&t.from, &t.top);
    for end in 0..bytes.len() {
        let error = import(&t.to, &bytes[..end]).unwrap_err();
        assert!(error.is_certain(), "{end}: {error}");
    }
    assert!(is_empty(&t.to));
}

#[test]
fn n06_a_reordered_archive_is_refused_whole() {
    let t = two();
    let leaf = archive(&t.from, &t.leaf);
    let both = archive(&t.from, &t.top);
    // The first object and the second change places.
    let first = leaf.len() - 8;
    let swapped = [&both[first..both.len() - 8], &both[..first], &[0; 8]].concat();
    let error = import(&t.to, &swapped).unwrap_err();
    assert!(
        matches!(&error, ImportError::Missing { missing, .. } if *missing == t.leaf),
        "{error}"
    );
    assert!(is_empty(&t.to));
}

#[test]
fn n06_an_oversized_object_is_refused() {
    let t = two();
    let bytes = archive(&t.from, &t.top);
    let error = t.to.import(&mut &*bytes, 100, &|| false).unwrap_err();
    assert!(
        error.to_string().contains("larger than the 100 bytes"),
        "{error}"
    );
    // A length of 2^63 is not believed either.
    let huge = replace(&bytes, b"\x04\0\0\0\0\0\0\0leaf", b"\0\0\0\0\0\0\0\x80leaf");
    assert!(import(&t.to, &huge).is_err());
    assert!(is_empty(&t.to));
}

#[test]
fn n06_an_archive_that_lies_is_refused() {
    let t = two();
    let bytes = archive(&t.from, &t.top);
    let digest = t.leaf.digest_text();
    let other = t.top.digest_text();
    let refuse = |bytes: &[u8], why: &str| {
        let error = import(&t.to, bytes).unwrap_err();
        assert!(error.is_certain(), "{why}: {error}");
        assert!(is_empty(&t.to), "{why}");
    };
    refuse(
        &replace(&bytes, b"leaf\0\0\0\0", b"lead\0\0\0\0"),
        "other content",
    );
    let lied = String::from_utf8_lossy(&bytes).contains(&digest);
    assert!(lied);
    // The leaf under another path.
    refuse(
        &replace(
            &archive(&t.from, &t.leaf),
            digest.as_bytes(),
            other.as_bytes(),
        ),
        "other path",
    );
    // A reference left out, a reference too many.
    let line = |path: &StorePath| {
        let text = path.to_string();
        let mut line = (text.len() as u64).to_le_bytes().to_vec();
        line.extend(text.as_bytes());
        line.resize(line.len().next_multiple_of(8), 0);
        line
    };
    let (leaf, top) = (line(&t.leaf), line(&t.top));
    let mut sorted = [leaf.clone(), top.clone()];
    sorted.sort_by_key(|line| line[8..].to_vec());
    let both = [&2u64.to_le_bytes()[..], &sorted[0], &sorted[1]].concat();
    let one = |line: &[u8]| [&1u64.to_le_bytes()[..], line].concat();
    refuse(&replace(&bytes, &both, &one(&top)), "undeclared reference");
    refuse(
        &replace(&bytes, &both, &one(&leaf)),
        "undeclared reference to itself",
    );
    let alone = archive(&t.from, &t.leaf);
    let none = [&leaf[..], &[0; 8]].concat();
    let itself = [&leaf[..], &one(&leaf)].concat();
    refuse(&replace(&alone, &none, &itself), "a reference that is none");
    assert!(import(&t.to, &bytes).is_ok());
}

#[test]
fn n06_an_export_of_a_damaged_object_has_no_end() {
    let t = two();
    let file = t.from.real_path(&t.leaf);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "lead").unwrap();
    let mut bytes = Vec::new();
    let error = t.from.export([t.top.clone()], &mut bytes).unwrap_err();
    assert!(matches!(error, ExportError::Damaged { .. }), "{error}");
    assert!(import(&t.to, &bytes).is_err());
}

#[test]
fn a_cancelled_import_leaves_nothing() {
    let t = two();
    let bytes = archive(&t.from, &t.top);
    let error = t.to.import(&mut &*bytes, 1 << 20, &|| true).unwrap_err();
    assert!(matches!(error, ImportError::Cancelled) && is_empty(&t.to));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever is changed in an archive, nothing panics and nothing half is taken.
    #[test]
    fn n06_a_changed_byte_is_refused_or_means_the_same(at: proptest::sample::Index, by: u8) {
        let t = two();
        let mut bytes = archive(&t.from, &t.top);
        let at = at.index(bytes.len());
        bytes[at] = by;
        match import(&t.to, &bytes) {
            Ok(paths) => proptest::prop_assert_eq!(paths, [t.leaf.clone(), t.top.clone()]),
            Err(error) => {
                proptest::prop_assert!(error.is_certain(), "{}", error);
                proptest::prop_assert!(is_empty(&t.to));
            }
        }
    }
}
