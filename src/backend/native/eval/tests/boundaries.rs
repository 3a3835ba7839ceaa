//! What a repository cannot do (E3, E4).

use super::*;

#[test]
fn e03_what_has_no_end_is_stopped_by_a_named_limit() {
    says(
        "def f(n):\n    return f(n + 1)\nf(0)\n",
        &["limit reached", "1000"],
    );
    says(
        &format!("x = {}\n", "[".repeat(100_000)),
        &["limit reached", "200"],
    );
    let kiln = "x = 'a' * 10000\ny = []\nfor n in range(1000000):\n    y.append(x + str(n))\n";
    let repo = Repo::new(&[("kiln.star", kiln)]);
    let small = EvalRequest {
        memory: 64 << 20,
        ..repo.request("h")
    };
    let failure = Failure::from(evaluate_here(&small, &|_| ()).unwrap_err());
    assert!(failure.message.contains("memory limit"), "{failure:?}");
}

#[test]
fn e03_a_damaged_marker_is_an_error_with_its_place() {
    let made = "d = derivation('d', script = 'true')\n";
    for bad in [
        "str(d).upper()",
        "str(d)[1:]",
        "str(d)[:40]",
        "(d + '/bin/x')[8:]",
    ] {
        let failure = failure(&format!("{made}x = {bad}\nfile('f', 'a' + x)\n"));
        assert!(failure.message.contains("damaged"), "{failure:?}");
        assert_eq!(failure.location.map(|l| l.line), Some(3), "{bad}");
    }
}

#[test]
fn e04_nothing_outside_the_commit_can_be_read() {
    for bad in [
        "read('/etc/passwd')",
        "read('../x')",
        "source('/etc')",
        "source('../..')",
        "glob('../*')",
        "load('//../x.star', 'x')",
        "load('/etc/x.star', 'x')",
        "read('.git/config')",
    ] {
        assert!(!failure(&format!("{bad}\n")).message.is_empty(), "{bad}");
    }
    let repo = Repo::new(&[
        ("above", "secret"),
        ("sub/kiln.star", "read('//../above')\n"),
    ]);
    let mut request = repo.request("h");
    request.subdir = "sub".into();
    let failure = Failure::from(evaluate_here(&request, &|_| ()).unwrap_err());
    assert!(failure.message.contains("leads out of"), "{failure:?}");
    assert_eq!(failure.location.unwrap().file, "sub/kiln.star");
}

#[test]
fn e04_links_submodules_and_lfs_pointers_are_refused() {
    let lfs = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 9\n",
        "a".repeat(64)
    );
    let repo = |kiln: &str| {
        Repo::with_modes(&[
            ("kiln.star", kiln, FILE),
            ("link", "/etc/passwd", LINK),
            ("big/pointer", &lfs, FILE),
            ("vendor", "", SUBMODULE),
        ])
    };
    for (kiln, word) in [
        ("read('link')", "symlink"),
        ("read('big/pointer')", "LFS"),
        ("source('big')", "LFS"),
        ("source('vendor')", "submodule"),
        ("source()", "big/pointer"),
        ("read('lnk')", "did you mean \"link\"?"),
    ] {
        let failure = failure_of(&repo(&format!("{kiln}\n")));
        assert!(failure.message.contains(word), "{failure:?}");
    }
    let kiln = "host('h', tree('t', {'s': source('.', exclude = ['big', 'vendor'])}))\n";
    repo(kiln).evaluate("h").unwrap();
}

#[test]
fn e06_a_cycle_of_loads_is_an_error_that_names_it() {
    let repo = Repo::new(&[
        ("kiln.star", "load(':a.star', 'a')\n"),
        ("a.star", "load(':b.star', 'b')\na = b\n"),
        ("b.star", "load(':a.star', 'a')\nb = a\n"),
    ]);
    let failure = failure_of(&repo);
    assert!(
        failure.message.contains("a.star loads b.star loads a.star"),
        "{failure:?}"
    );
}

#[test]
fn a_loaded_file_cannot_declare_hosts_at_its_top_level_but_in_a_function() {
    let repo = |lib: &str, kiln: &str| Repo::new(&[("x.star", lib), ("kiln.star", kiln)]);
    let top = repo("host('h', tree('t'))\nx = 1\n", "load(':x.star', 'x')\n");
    assert!(failure_of(&top).message.contains("top level"));
    let function = repo(
        "def x():\n    host('h', tree('t'))\n",
        "load(':x.star', 'x')\nx()\n",
    );
    function.evaluate("h").unwrap();
}

#[test]
fn e04_a_forged_tree_cannot_lead_out_of_itself() {
    let mut repo = Repo::new(&[("kiln.star", "source()\n"), ("x", "x")]);
    let repository = Repository::open(repo.folder.path()).unwrap();
    let forged = |name: &str, tree: &mut Vec<u8>| {
        let id = repository.blob(b"x").unwrap();
        tree.extend_from_slice(format!("100644 {name}\0").as_bytes());
        tree.extend_from_slice(id.as_bytes());
    };
    for name in ["..", ".git", "../../etc/cron.d/x"] {
        let mut tree = Vec::new();
        forged(name, &mut tree);
        let kiln = repository.blob(b"source()\n").unwrap();
        tree.extend_from_slice(b"100644 kiln.star\0");
        tree.extend_from_slice(kiln.as_bytes());
        let database = repository.odb().unwrap();
        repo.tree = database.write(git2::ObjectType::Tree, &tree).unwrap();
        let failure = failure_of(&repo);
        assert!(!failure.message.is_empty(), "{name}");
        assert!(
            failure.message.contains("no file may have") || failure.message.contains("cannot read"),
            "{failure:?}"
        );
    }
}

/// The line and the caret's column of a failure, and whether it tells the call.
#[track_caller]
fn placed(failure: &Failure, line: u32, call: &str) {
    let at = failure.location.as_ref().map(|at| at.line);
    assert_eq!(at, Some(line), "{failure:#?}");
    assert!(failure.log_tail.contains('^'), "{failure:#?}");
    assert!(failure.log_tail.contains(call), "{failure:#?}");
}

#[test]
fn e03_an_endless_loop_is_shown_with_its_place_and_stack() {
    let endless = "def g():\n  return 1\ndef f():\n  g()\n  for i in range(1000000000):\n    for j in range(1000000000):\n      pass\n";
    let failure = failure(&format!("{endless}f()\n"));
    assert!(failure.message.contains("steps"), "{failure:?}");
    placed(&failure, 6, "called from kiln.star:8:1: f()");
    let loaded = Repo::new(&[
        ("kiln.star", "\nload(':x.star', 'f')\n"),
        ("x.star", &format!("{endless}\nf()\n")),
    ]);
    let failure = failure_of(&loaded);
    placed(&failure, 6, "called from x.star:9:1: f()");
    assert_eq!(failure.location.unwrap().file, "x.star");
}

#[test]
fn e03_values_that_do_not_fit_are_shown_with_their_place() {
    let kiln = "def f(h):\n    x = 1\n    y = [str(i) * 100 for i in range(99999999)]\n    return y\nhost('h', f)\n";
    let repo = Repo::new(&[("kiln.star", kiln)]);
    let small = EvalRequest {
        memory: 64 << 20,
        ..repo.request("h")
    };
    let failure = Failure::from(evaluate_here(&small, &|_| ()).unwrap_err());
    assert!(failure.message.contains("memory limit"), "{failure:?}");
    placed(&failure, 3, "for host \"h\"");
}

#[test]
fn e04_a_forged_tree_with_one_name_twice_is_refused_with_the_path() {
    let (kiln, id) = ("source('d')\n", |repository: &Repository, text: &str| {
        repository.blob(text.as_bytes()).unwrap()
    });
    for (kiln, path) in [(kiln, "d/x"), ("read('d/x')\n", "d/x")] {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let raw = |entries: &[(&str, &str, Oid)]| {
            let mut bytes = Vec::new();
            for (mode, name, id) in entries {
                bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
                bytes.extend_from_slice(id.as_bytes());
            }
            let database = repository.odb().unwrap();
            database.write(git2::ObjectType::Tree, &bytes).unwrap()
        };
        let (a, b) = (id(&repository, "a"), id(&repository, "b"));
        let twice = raw(&[("100644", "x", a), ("100644", "x", b)]);
        let file = id(&repository, kiln);
        let tree = raw(&[("40000", "d", twice), ("100644", "kiln.star", file)]);
        let failure = failure_of(&Repo { folder, tree });
        assert!(failure.message.contains(path), "{failure:?}");
        assert!(failure.message.contains("twice"), "{failure:?}");
    }
}
