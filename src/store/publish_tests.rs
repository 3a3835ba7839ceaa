use super::super::{FixedMode, scratch_path};
use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

struct Fixture {
    store: Store,
    scratch: super::super::Scratch,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let scratch = store.scratch().unwrap();
        Fixture {
            store,
            scratch,
            _dir: dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn publish(&self, path: &Path, own: Option<&StorePath>) -> Result<StorePath, PublishError> {
        self.store.publish(PublishRequest {
            path,
            name: own.map_or("x", StorePath::name),
            candidates: &BTreeSet::new(),
            scratch_self: own,
        })
    }

    fn output(
        &self,
        output: &str,
        content: impl Fn(&dyn Fn(&str) -> StorePath) -> String,
    ) -> StepOutput {
        let of = |output: &str| scratch_path(&[7; 32], output, "two").unwrap();
        let path = self.path(output);
        fs::write(&path, content(&of)).unwrap();
        StepOutput {
            output: output.into(),
            path,
            scratch: of(output),
        }
    }
}

/// The own path the vectors of `docs/formats.md` use.
fn scratch() -> StorePath {
    "/var/lib/kiln/store/w8iw7qwakxj95ah19icykqn9ddbfsmk1-shop"
        .parse()
        .unwrap()
}

#[test]
fn objects_have_the_paths_of_the_format() {
    let f = Fixture::new();
    let none = BTreeSet::new();
    let hello = f.store.add_file("hello", b"hello\n", false, &none).unwrap();
    assert_eq!(
        hello.to_string(),
        "/var/lib/kiln/store/wv5dy3wnzp1lmrxpmgcmxs7bbw9k4ryz-hello"
    );
    let info = f.store.info(&hello).unwrap();
    assert_eq!(
        info.nar_hash.to_string(),
        "sha256-HDfQGvQL4ugGkd48w99EN3ppmvuxfGjwgJZLL9Bx/BM="
    );
    assert_eq!(info.nar_size, 120);
    let text = format!("see {hello}\n");
    let candidates = BTreeSet::from([hello.clone()]);
    let greeting = f
        .store
        .add_file("greeting", text.as_bytes(), false, &candidates)
        .unwrap();
    assert_eq!(
        greeting.to_string(),
        "/var/lib/kiln/store/xbzk2r6bz7ijy4k06yz6lgnwkyvgmkkp-greeting"
    );
    assert_eq!(f.store.info(&greeting).unwrap().references, candidates);
}

#[test]
fn n04_self_references_are_rewritten_and_do_not_change_the_path() {
    let f = Fixture::new();
    let path = f.path("self");
    fs::write(&path, format!("I am {}\n", scratch())).unwrap();
    let object = f.publish(&path, Some(&scratch())).unwrap();
    assert_eq!(
        object.to_string(),
        "/var/lib/kiln/store/ic12m01xcps48s0kj7hwrrxg9b7pqsdh-shop"
    );
    let real = f.store.real_path(&object);
    assert_eq!(
        fs::read_to_string(&real).unwrap(),
        format!("I am {object}\n")
    );
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o444);
    let info = f.store.info(&object).unwrap();
    assert_eq!(
        info.nar_hash.to_string(),
        "sha256-/f1+K1foSOQGtSpPOkXT00VgGvQcIMaMdpqHE3nL+Ek="
    );
    assert_eq!(info.references, BTreeSet::from([object.clone()]));
    // Built at another place, it is the same object.
    let elsewhere = scratch_path(&[9; 32], "out", "shop").unwrap();
    fs::write(f.path("again"), format!("I am {elsewhere}\n")).unwrap();
    assert_eq!(
        f.publish(&f.path("again"), Some(&elsewhere)).unwrap(),
        object
    );
}

#[test]
fn n04_self_references_in_links_below_read_only_folders_are_rewritten() {
    let f = Fixture::new();
    let tree = f.path("t");
    fs::create_dir_all(tree.join("a")).unwrap();
    symlink(format!("{}/bin", scratch()), tree.join("a/l")).unwrap();
    symlink(scratch().to_string(), tree.join("top")).unwrap();
    fs::set_permissions(tree.join("a"), PermissionsExt::from_mode(0o555)).unwrap();
    let object = f.publish(&tree, Some(&scratch())).unwrap();
    let real = f.store.real_path(&object);
    let target = |name: &str| fs::read_link(real.join(name)).unwrap();
    assert_eq!(target("a/l"), Path::new(&format!("{object}/bin")));
    assert_eq!(target("top"), Path::new(&object.to_string()));
    for folder in [real.clone(), real.join("a")] {
        let meta = fs::metadata(folder).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o555, 1));
    }
    assert_eq!(fs::symlink_metadata(real.join("a/l")).unwrap().mtime(), 1);
}

#[test]
fn n05_zeros_differ_from_zeroed_self_references() {
    let f = Fixture::new();
    fs::write(f.path("own"), scratch().digest_text()).unwrap();
    fs::write(f.path("zeros"), [0; 32]).unwrap();
    let own = f.publish(&f.path("own"), Some(&scratch())).unwrap();
    let zeros = f.publish(&f.path("zeros"), Some(&scratch())).unwrap();
    assert_ne!(own, zeros);
}

#[test]
fn n10_objects_are_canonical() {
    let f = Fixture::new();
    let tree = f.path("t");
    fs::create_dir_all(tree.join("d")).unwrap();
    for (name, mode) in [("run", 0o4711 & 0o777), ("plain", 0o666), ("secret", 0o000)] {
        fs::write(tree.join("d").join(name), "x").unwrap();
        fs::set_permissions(tree.join("d").join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    let outside = f.path("outside");
    fs::write(&outside, "linked").unwrap();
    fs::hard_link(&outside, tree.join("d/linked")).unwrap();
    symlink("/nowhere", tree.join("l")).unwrap();
    fs::set_permissions(tree.join("d"), PermissionsExt::from_mode(0o000)).unwrap();
    let object = f.publish(&tree, None).unwrap();
    let real = f.store.real_path(&object);
    let meta = |name: &str| fs::symlink_metadata(real.join(name)).unwrap();
    for (name, mode) in [
        ("d", 0o555),
        ("d/run", 0o555),
        ("d/plain", 0o444),
        ("d/secret", 0o444),
        ("d/linked", 0o444),
    ] {
        assert_eq!(
            (meta(name).mode() & 0o7777, meta(name).mtime()),
            (mode, 1),
            "{name}"
        );
    }
    assert_eq!(meta("l").mtime(), 1);
    assert_eq!(meta("d/linked").nlink(), 1);
    assert_eq!(
        fs::metadata(&outside).unwrap().mode() & 0o7777,
        0o644,
        "the other name is untouched"
    );
}

#[test]
fn n03_devices_pipes_sockets_and_setuid_are_refused_by_name() {
    let f = Fixture::new();
    let refuse = |make: &dyn Fn(&Path), says: &str| {
        let tree = f.path(says);
        fs::create_dir(&tree).unwrap();
        make(&tree.join("bad"));
        let error = f.publish(&tree, None).unwrap_err();
        assert!(error.is_certain());
        let text = error.to_string();
        assert!(text.contains("bad") && text.contains(says), "{text}");
    };
    let mode = nix::sys::stat::Mode::S_IRWXU;
    refuse(
        &|path| nix::unistd::mkfifo(path, mode).unwrap(),
        "named pipe",
    );
    refuse(
        &|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        "socket",
    );
    refuse(
        &|path| {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(0o4755)).unwrap();
        },
        "setuid",
    );
    assert_eq!(f.store.object_count().unwrap(), 0);
}

#[test]
fn a_link_to_outside_is_taken_as_a_link() {
    let f = Fixture::new();
    symlink("/etc", f.path("l")).unwrap();
    let object = f.publish(&f.path("l"), None).unwrap();
    assert_eq!(
        fs::read_link(f.store.real_path(&object)).unwrap(),
        Path::new("/etc")
    );
}

#[test]
fn n05_outputs_may_refer_to_each_other_one_way() {
    let f = Fixture::new();
    let outputs = [
        f.output("out", |of| {
            format!("{} and myself {}", of("dev"), of("out"))
        }),
        f.output("dev", |_| "headers".into()),
    ];
    let paths = f.store.publish_outputs(&outputs, &BTreeSet::new()).unwrap();
    let (out, dev) = (&paths["out"], &paths["dev"]);
    let text = fs::read_to_string(f.store.real_path(out)).unwrap();
    assert_eq!(text, format!("{dev} and myself {out}"));
    let both = BTreeSet::from([out.clone(), dev.clone()]);
    assert_eq!(f.store.info(out).unwrap().references, both);
    assert_eq!(f.store.closure([out.clone()]).unwrap(), both);
}

#[test]
fn n05_a_cycle_between_outputs_is_an_error_that_names_them() {
    let f = Fixture::new();
    let outputs = [
        f.output("out", |of| of("dev").to_string()),
        f.output("dev", |of| of("out").to_string()),
        f.output("doc", |_| "free".into()),
    ];
    let error = f
        .store
        .publish_outputs(&outputs, &BTreeSet::new())
        .unwrap_err();
    let PublishError::Cycle { outputs } = error else {
        panic!("{error}")
    };
    assert_eq!(outputs, ["out", "dev"]);
}

#[test]
fn n03_a_missing_output_is_an_error_that_names_it() {
    let f = Fixture::new();
    let outputs = [StepOutput {
        output: "out".into(),
        path: f.path("none"),
        scratch: scratch(),
    }];
    let error = f
        .store
        .publish_outputs(&outputs, &BTreeSet::new())
        .unwrap_err();
    assert!(error.to_string().contains("$out"), "{error}");
}

#[test]
fn n11_a_fixed_output_is_held_to_its_hash_and_refers_to_nothing() {
    let f = Fixture::new();
    let good: Hash = "sha256-HDfQGvQL4ugGkd48w99EN3ppmvuxfGjwgJZLL9Bx/BM="
        .parse()
        .unwrap();
    let fixed = FixedOutput {
        hash: good,
        mode: FixedMode::Nar,
        name: "hello".into(),
    };
    let take = |content: &str| {
        fs::write(f.path("f"), content).unwrap();
        f.store
            .publish_fixed(&f.path("f"), &fixed, Some(&scratch()), &BTreeSet::new())
    };
    let error = take("other\n").unwrap_err().to_string();
    assert!(
        error.contains(&good.to_string()) && error.matches("sha256-").count() == 2,
        "{error}"
    );
    fs::remove_file(f.path("f")).unwrap();
    let error = take(&scratch().to_string()).unwrap_err();
    assert!(matches!(error, PublishError::FixedRefers { .. }), "{error}");
    fs::remove_file(f.path("f")).unwrap();
    assert_eq!(take("hello\n").unwrap(), fixed.path().unwrap());
}

#[test]
fn publishing_what_is_there_discards_the_new_copy() {
    let f = Fixture::new();
    fs::create_dir(f.path("a")).unwrap();
    fs::create_dir(f.path("b")).unwrap();
    let first = f.publish(&f.path("a"), None).unwrap();
    let inode = fs::metadata(f.store.real_path(&first)).unwrap().ino();
    assert_eq!(f.publish(&f.path("b"), None).unwrap(), first);
    assert_eq!(
        fs::metadata(f.store.real_path(&first)).unwrap().ino(),
        inode
    );
    assert!(!f.path("b").exists());
}

#[test]
fn a_tree_that_is_too_deep_is_refused_and_swept() {
    let f = Fixture::new();
    let mut path = f.path("deep");
    for _ in 0..200 {
        path.push("d");
    }
    fs::create_dir_all(&path).unwrap();
    let error = f.publish(&f.path("deep"), None).unwrap_err();
    assert!(error.to_string().contains("folders deep"), "{error}");
}

#[test]
fn n11_who_kept_a_descriptor_of_a_fixed_output_does_not_reach_the_object() {
    use std::io::Write;
    let f = Fixture::new();
    let tree = f.path("out");
    fs::create_dir(&tree).unwrap();
    let mut kept = fs::File::create(tree.join("file")).unwrap();
    kept.write_all(b"good").unwrap();
    let folder = fs::metadata(&tree).unwrap().ino();
    let fixed = FixedOutput {
        hash: nar_hash_of(&tree).unwrap(),
        mode: FixedMode::Nar,
        name: "out".into(),
    };
    let none = BTreeSet::new();
    let object = f.store.publish_fixed(&tree, &fixed, None, &none).unwrap();
    kept.write_all(b" and more").unwrap();
    let real = f.store.real_path(&object);
    assert_eq!(fs::read(real.join("file")).unwrap(), b"good");
    // A descriptor of the folder could have added a file.
    assert_ne!(fs::metadata(&real).unwrap().ino(), folder);
}

#[test]
fn data_may_hold_what_looks_like_a_path_and_keeps_what_it_refers_to() {
    let f = Fixture::new();
    let source = f.store.add_file("src", b"x", false, &BTreeSet::new());
    let references = BTreeSet::from([source.unwrap()]);
    let text = format!("cat {}/x", scratch());
    let graph = f.store.add_data("h.drv", text.as_bytes(), &references);
    let graph = graph.unwrap();
    assert_eq!(f.store.info(&graph).unwrap().references, references);
    let closure = f.store.closure([graph]).unwrap();
    assert!(closure.is_superset(&references), "gc keeps the sources");
}

#[test]
fn n05_references_are_part_of_the_path() {
    let f = Fixture::new();
    let none = BTreeSet::new();
    let a = f.store.add_file("a", b"a", false, &none).unwrap();
    let free = f.store.add_data("x", b"the same", &none).unwrap();
    let bound = f.store.add_data("x", b"the same", &[a].into()).unwrap();
    assert_ne!(free, bound);
}

#[test]
fn n05_a_scratch_digest_in_a_compressed_file_is_an_error_that_names_it() {
    use std::io::Write;
    let f = Fixture::new();
    let text = format!("{} I am {}", "x".repeat(200_000), scratch());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::stream::encode_all(text.as_bytes(), 3).unwrap();
    let xz = super::super::xz::stored(text.as_bytes());
    for (name, packed) in [("man.gz", gzip), ("log.zst", zstd), ("doc.xz", xz)] {
        let tree = f.path("t");
        fs::create_dir_all(tree.join("share")).unwrap();
        fs::write(tree.join("share").join(name), &packed).unwrap();
        let error = f.publish(&tree, Some(&scratch())).unwrap_err();
        assert!(error.is_certain());
        assert!(error.to_string().contains(name), "{error}");
        super::super::remove_all(&tree).unwrap();
        // Where it is nobody's scratch path, it is a file like any other.
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join(name), &packed).unwrap();
        let name = "x";
        f.store.publish_data(&tree, name).unwrap();
    }
    // What only begins like one is data.
    fs::write(f.path("z"), [0x1f, 0x8b, 8, 0, 1, 2]).unwrap();
    f.publish(&f.path("z"), Some(&scratch())).unwrap();
}

#[test]
fn n05_a_copy_of_a_tree_is_the_object_the_tree_would_be_and_the_tree_stays() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let f = Fixture::new();
    let tree = f.path("t");
    fs::create_dir_all(tree.join("bin/deep")).unwrap();
    fs::write(tree.join("bin/run"), "x".repeat(300_000)).unwrap();
    fs::set_permissions(tree.join("bin/run"), PermissionsExt::from_mode(0o750)).unwrap();
    fs::hard_link(tree.join("bin/run"), tree.join("bin/again")).unwrap();
    fs::write(tree.join("empty"), "").unwrap();
    std::os::unix::fs::symlink("bin/run", tree.join("link")).unwrap();
    let none = BTreeSet::new();
    let copied = f.store.add_tree(&tree, "t", &none).unwrap();
    let place = f.store.real_path(&copied);
    for (at, mode) in [
        ("", 0o555),
        ("bin", 0o555),
        ("bin/run", 0o555),
        ("empty", 0o444),
    ] {
        let found = fs::symlink_metadata(place.join(at)).unwrap();
        assert_eq!((found.mode() & 0o7777, found.mtime()), (mode, 1), "{at:?}");
    }
    assert_eq!(fs::symlink_metadata(place.join("link")).unwrap().mtime(), 1);
    assert_eq!(fs::metadata(place.join("bin/again")).unwrap().nlink(), 1);
    assert_eq!(
        fs::metadata(tree.join("bin/run")).unwrap().mode() & 0o777,
        0o750
    );
    let (hash, size) = super::super::proof::nar_of(&place, None).unwrap();
    let info = f.store.info(&copied).unwrap();
    assert_eq!((info.nar_hash, info.nar_size), (hash, size));
    let request = PublishRequest {
        path: &tree,
        name: "t",
        candidates: &none,
        scratch_self: None,
    };
    assert_eq!(f.store.publish(request).unwrap(), copied);
}
