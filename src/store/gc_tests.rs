use super::super::sessions::pin;
use super::super::{Outputs, RealisationKey};
use super::*;
use std::fs as std_fs;
use std::sync::atomic::{AtomicBool, Ordering};

const KEY: RealisationKey = RealisationKey([5; 32]);

fn none() -> BTreeSet<StorePath> {
    BTreeSet::new()
}

fn outputs(path: &StorePath) -> Outputs {
    Outputs::from([("out".to_owned(), path.clone())])
}

/// A store with a chain: `top` refers to `middle`, which refers to `leaf`.
struct Chain {
    dir: tempfile::TempDir,
    store: Store,
    leaf: StorePath,
    middle: StorePath,
    top: StorePath,
}

fn refers(store: &Store, name: &str, to: &StorePath) -> StorePath {
    let text = to.to_string();
    let candidates = BTreeSet::from([to.clone()]);
    store
        .add_file(name, text.as_bytes(), false, &candidates)
        .unwrap()
}

fn chain() -> Chain {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let leaf = store.add_file("leaf", b"leaf", false, &none()).unwrap();
    let middle = refers(&store, "middle", &leaf);
    let top = refers(&store, "top", &middle);
    store.sync().unwrap();
    Chain {
        dir,
        store,
        leaf,
        middle,
        top,
    }
}

fn collect(
    store: &Store,
    roots: &dyn Fn() -> BTreeSet<StorePath>,
    dry_run: bool,
    companions: bool,
) -> Collected {
    store
        .gc(&Collection {
            roots: &|| Ok(roots()),
            dry_run,
            companions,
            cancelled: &|| false,
        })
        .unwrap()
}

fn collect_all(store: &Store) -> Collected {
    collect(store, &none, false, true)
}

#[test]
fn n05_gc_keeps_what_roots_reach_and_nothing_else() {
    let c = chain();
    let gone = c.store.add_file("gone", b"gone", false, &none()).unwrap();
    c.store.record_realisation(KEY, &outputs(&gone)).unwrap();
    std_fs::write(c.dir.path().join("stray"), "").unwrap();
    let roots = || BTreeSet::from([c.middle.clone()]);

    let found = collect(&c.store, &roots, true, true);
    let mut garbage = vec![gone.clone(), c.top.clone()];
    garbage.sort();
    assert_eq!(found.objects, garbage);
    assert!(c.store.contains(&gone), "a dry run removes nothing");
    assert_eq!(collect(&c.store, &roots, false, true), found);
    assert!(!c.store.contains(&gone) && !c.dir.path().join("stray").exists());
    assert_eq!(c.store.realisation(KEY), None);
    let kept = c.store.closure([c.middle.clone()]).unwrap();
    assert_eq!(kept, [c.leaf.clone(), c.middle.clone()].into());
    // On disk it is the same.
    let again = Store::open(c.dir.path()).unwrap();
    assert_eq!(again.closure([c.middle.clone()]).unwrap(), kept);
    assert!(!again.contains(&c.top));
}

#[test]
fn n05_what_a_running_build_came_by_survives_gc_with_its_closure() {
    let c = chain();
    let building = c.store.session();
    assert!(c.store.contains(&c.middle), "the build looks at an input");
    let made = c.store.add_file("made", b"made", false, &none()).unwrap();
    let found = collect_all(&c.store);
    assert_eq!(found.objects, std::slice::from_ref(&c.top));
    c.store.closure([c.middle.clone(), made.clone()]).unwrap();
    drop(building);
    let found = collect_all(&c.store);
    let gone = BTreeSet::from_iter(found.objects);
    assert_eq!(gone, [c.leaf.clone(), c.middle.clone(), made].into());
}

#[test]
fn n05_a_result_rooted_between_the_reading_of_roots_and_the_removal_survives() {
    let c = chain();
    let building = std::cell::RefCell::new(Some(c.store.session()));
    c.store.closure([c.top.clone()]).unwrap();
    // The build roots its result and ends just after the roots were read.
    let roots = || {
        drop(building.borrow_mut().take());
        none()
    };
    assert_eq!(collect(&c.store, &roots, false, true).objects, []);
    assert!(c.store.contains(&c.top));
}

#[test]
fn n05_an_older_session_does_not_keep_what_another_that_ended_came_by() {
    let c = chain();
    drop((c.store.session(), c.store.contains(&c.top)));
    let reader = c.store.session();
    assert_eq!(collect_all(&c.store).objects.len(), 3);
    drop(reader);
}

#[test]
fn n05_an_object_made_again_during_a_collection_is_not_removed_by_it() {
    let c = chain();
    // Forgotten, and made again before its turn to be removed comes.
    let again = std::cell::Cell::new(None);
    let remade = || {
        if again.take().is_none() {
            let path = c.store.add_file("leaf", b"leaf", false, &none()).unwrap();
            again.set(Some(path));
        }
        false
    };
    c.store
        .gc(&Collection {
            roots: &|| Ok(none()),
            dry_run: false,
            companions: true,
            cancelled: &remade,
        })
        .unwrap();
    assert!(c.store.contains(&c.leaf));
    c.store.sync().unwrap();
    assert!(Store::open(c.dir.path()).unwrap().contains(&c.leaf));
}

#[test]
fn n05_what_another_process_pinned_survives_with_its_closure() {
    let c = chain();
    let pinned = pin(c.dir.path(), &c.middle, false).unwrap();
    assert_eq!(collect_all(&c.store).objects, std::slice::from_ref(&c.top));
    drop(pinned);
    assert_eq!(collect_all(&c.store).objects.len(), 2);
    assert!(matches!(
        pin(c.dir.path(), &c.middle, false),
        Err(StoreError::Missing(_))
    ));
}

#[test]
fn what_was_made_along_the_way_stays_with_its_owner_unless_space_is_short() {
    let c = chain();
    let graph = c.store.add_file("graph", b"g", false, &none()).unwrap();
    c.store.keep_with(&graph, [&c.middle]).unwrap();
    let roots = || BTreeSet::from([graph.clone()]);
    let found = collect(&c.store, &roots, false, true);
    assert_eq!(found.objects, std::slice::from_ref(&c.top));
    let found = collect(&c.store, &roots, false, false);
    assert_eq!(found.objects.len(), 2, "space is short: {found:?}");
    c.store.keep_with(&graph, [&c.middle]).unwrap();
    collect_all(&c.store);
    assert!(
        c.store.kept_with(&graph).is_empty(),
        "it left with its owner"
    );
}

#[test]
fn n07_a_collection_left_half_way_is_ended_by_the_next() {
    let c = chain();
    let cancelled = AtomicBool::new(false);
    c.store
        .gc(&Collection {
            roots: &|| Ok(none()),
            dry_run: false,
            companions: true,
            cancelled: &|| cancelled.swap(true, Ordering::Relaxed),
        })
        .unwrap();
    let left = [&c.leaf, &c.middle, &c.top].map(|path| c.store.real_path(path).exists());
    assert_eq!(left.iter().filter(|left| **left).count(), 2);
    let again = Store::open(c.dir.path()).unwrap();
    assert!(
        [&c.leaf, &c.middle, &c.top]
            .iter()
            .all(|path| !again.contains(path))
    );
    assert_eq!(collect_all(&again).strays.len(), 2);
}

#[test]
fn n05_gc_beside_threads_that_publish_never_takes_what_they_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let builders: Vec<_> = (0..3)
            .map(|thread| {
                let store = store.clone();
                scope.spawn(move || {
                    for n in 0..60 {
                        let _session = store.session();
                        // The same few objects again and again: some are garbage
                        // just now, some are just being removed.
                        let name = format!("o{}", (n + thread) % 4);
                        let a = store.add_file(&name, b"a", false, &none()).unwrap();
                        let b = refers(&store, "b", &a);
                        let key = RealisationKey([n; 32]);
                        let held = store.record_realisation(key, &outputs(&b)).unwrap();
                        let closure = store.closure(held.into_values()).unwrap();
                        for path in closure.iter().chain([&a, &b]) {
                            std_fs::read(store.real_path(path)).unwrap();
                        }
                    }
                })
            })
            .collect();
        let collector = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                collect_all(&store);
            }
        });
        let ended: Vec<_> = builders
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        done.store(true, Ordering::Relaxed);
        collector.join().unwrap();
        assert!(ended.iter().all(Result::is_ok));
    });
    collect_all(&store);
    assert_eq!(store.object_count().unwrap(), 0);
}
