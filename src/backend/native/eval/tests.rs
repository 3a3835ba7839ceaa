//! The language by what it does: small repositories, evaluated in this process.

use super::*;
use crate::backend::native::graph::{EntryKind, Node, Piece, SourceKind, StepNode, TreeNode};
use git2::{Oid, Repository};
use std::cell::RefCell;
use std::path::Path;
use std::sync::Mutex;
use tempfile::TempDir;

/// A bare repository with one tree.
struct Repo {
    folder: TempDir,
    tree: Oid,
}

const FILE: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;
const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (*path, *text, FILE))
            .collect();
        Repo::with_modes(&files)
    }

    fn with_modes(files: &[(&str, &str, u32)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let mut index = git2::Index::new().unwrap();
        for (path, text, mode) in files {
            let id = match *mode {
                SUBMODULE => Oid::from_str(&"1".repeat(40)).unwrap(),
                _ => repository.blob(text.as_bytes()).unwrap(),
            };
            index.add(&entry(path, id, *mode)).unwrap();
        }
        let tree = index.write_tree_to(&repository).unwrap();
        Repo { folder, tree }
    }

    fn request(&self, host: &str) -> EvalRequest {
        EvalRequest {
            repository: self.folder.path().to_owned(),
            tree: self.tree.to_string(),
            commit: "0123456789abcdef0123456789abcdef01234567".into(),
            commit_time: OffsetDateTime::UNIX_EPOCH,
            subdir: ".".into(),
            file: "kiln.star".into(),
            host: host.parse().unwrap(),
            system: "x86_64-linux".into(),
            timeout: Duration::from_secs(60),
            memory: 1 << 30,
        }
    }

    fn evaluate(&self, host: &str) -> Result<Graph, Refusal> {
        evaluate_here(&self.request(host), &|_| ())
    }
}

fn entry(path: &str, id: Oid, mode: u32) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.into(),
    }
}

/// The graph of host `h`.
#[track_caller]
fn graph(kiln: &str) -> Graph {
    match Repo::new(&[("kiln.star", kiln)]).evaluate("h") {
        Ok(graph) => graph,
        Err(refusal) => panic!("{kiln}\n{refusal:#?}"),
    }
}

/// The failure of an evaluation for host `h`.
#[track_caller]
fn failure(kiln: &str) -> Failure {
    failure_of(&Repo::new(&[("kiln.star", kiln)]))
}

#[track_caller]
fn failure_of(repo: &Repo) -> Failure {
    match repo.evaluate("h") {
        Ok(graph) => panic!("{graph:#?}"),
        Err(refusal) => refusal.into(),
    }
}

/// The error of one expression says all of `words`.
#[track_caller]
fn says(kiln: &str, words: &[&str]) {
    let failure = failure(kiln);
    for word in words {
        assert!(
            failure.message.contains(word),
            "{word:?} in {failure:#?}\nof {kiln}"
        );
    }
    assert!(failure.location.is_some(), "{failure:#?}");
}

fn root(graph: &Graph) -> &TreeNode {
    match &graph.nodes[graph.root.node as usize] {
        Node::Tree(tree) => tree,
        other => panic!("{other:?}"),
    }
}

fn steps(graph: &Graph) -> Vec<&StepNode> {
    let step = |node| match node {
        Node::Step(step) => Some(step),
        _ => None,
    };
    graph.nodes.iter().filter_map(step).collect()
}

fn text(graph: &Graph, path: &str) -> String {
    match &root(graph).entries[path].kind {
        EntryKind::Text(text) | EntryKind::Symlink(text) => text
            .join(|output| {
                let name = graph.nodes[output.node as usize].name();
                Ok::<_, ()>(format!("<{name}.{}>", output.output))
            })
            .unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn e01_an_undeclared_host_is_told_the_known_ones() {
    let repo = Repo::new(&[("kiln.star", "host('b', tree('t'))\nhost('a', tree('t'))\n")]);
    match repo.evaluate("h") {
        Err(Refusal::UndeclaredHost { known, failure }) => {
            assert_eq!(known, ["a", "b"]);
            assert!(failure.message.contains("declared: a, b"), "{failure:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(hosts(&repo.request("h"), &|_| ()).unwrap(), ["a", "b"]);
}

#[test]
fn e01_the_star_is_the_fallback_and_is_told_the_machines_name() {
    let kiln = "host('*', lambda h: tree('t', {'name': h.name + h.system + h.meta['x']}), meta = {'x': 'y'})\n\
                host('other', tree('other'))\n";
    assert_eq!(text(&graph(kiln), "name"), "hx86_64-linuxy");
}

#[test]
fn e01_a_host_declared_twice_is_an_error_with_both_places() {
    says(
        "host('h', tree('t'))\nx = 1\nhost('h', tree('t'))\n",
        &["twice", "kiln.star:1:1", "kiln.star:3:1"],
    );
}

#[test]
fn only_the_wanted_hosts_root_is_called() {
    graph("def bad(h):\n    fail('called')\nhost('other', bad)\nhost('h', tree('t'))\n");
}

#[test]
fn e02_errors_show_the_place_a_caret_and_the_users_calls() {
    let repo = Repo::new(&[
        (
            "lib/x.star",
            "def inner(n):\n    y = 1 + n\n    return y\n\ndef outer(n):\n    x = inner(n)\n    return x\n",
        ),
        (
            "kiln.star",
            "load('//lib/x.star', 'outer')\nhost('h', lambda h: outer('a'))\n",
        ),
    ]);
    let failure = failure_of(&repo);
    let location = failure.location.as_ref().unwrap();
    assert_eq!(
        (location.file.as_str(), location.line, location.column),
        ("lib/x.star", 2, 9)
    );
    assert!(
        failure.log_tail.contains("2 |     y = 1 + n"),
        "{}",
        failure.log_tail
    );
    assert!(failure.log_tail.contains("^^^^^"), "{}", failure.log_tail);
    assert!(
        failure.log_tail.contains("called from lib/x.star:6"),
        "{}",
        failure.log_tail
    );
    assert!(
        failure.log_tail.contains("called from kiln.star:2"),
        "{}",
        failure.log_tail
    );
    assert!(
        failure.log_tail.contains("for host \"h\""),
        "{}",
        failure.log_tail
    );
}

#[test]
fn e02_a_syntax_error_has_a_place_and_a_caret() {
    let failure = failure("x = 1\ny = (1 +\n");
    assert!(failure.log_tail.contains('^'), "{failure:?}");
    assert!(failure.location.is_some(), "{failure:?}");
    let library = Repo::new(&[
        ("kiln.star", "load(':x.star', 'x')\n"),
        ("x.star", "\nx = = 1\n"),
    ]);
    let location = failure_of(&library).location.unwrap();
    assert_eq!((location.file.as_str(), location.line), ("x.star", 2));
}

#[test]
fn e02_common_mistakes_get_their_cure() {
    for (kiln, cure) in [
        ("x = '%02d' % 7\n", "pad(n, 2)"),
        ("x = 'a {'.format()\n", "leaves braces alone"),
        ("def f():\n\treturn 1\n", "spaces"),
        ("x = 'a' 'b'\n", "put a +"),
        (
            "derivation('x', scrpit = 'y')\n",
            "did you mean \"script\"?",
        ),
        ("derivation('x', script = 'y').upper()\n", "str(d)"),
        ("x = derivation('x', script = 'y')[0]\n", "str(d)"),
        ("x = ' '.join([derivation('x', script = 'y')])\n", "str(d)"),
    ] {
        says(kiln, &[cure]);
    }
    let frozen = Repo::new(&[
        ("kiln.star", "load(':x.star', 'X')\nX['a'] = 1\n"),
        ("x.star", "X = {}\n"),
    ]);
    assert!(failure_of(&frozen).message.contains("`x | {..}`"));
}

#[test]
fn e02_an_error_in_the_shipped_library_is_shown_where_the_user_called() {
    says(
        "load('@kiln//text.star', 'ini')\nx = ini({'a': {'k': {}}})\n",
        &["a dict has no place"],
    );
    let failure = failure("load('@kiln//text.star', 'ini')\nx = ini({'a': {'k': {}}})\n");
    assert_eq!(
        failure.location.map(|l| (l.file, l.line)),
        Some(("kiln.star".into(), 2))
    );
}

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
fn outputs_cannot_be_read_during_evaluation_and_it_says_so() {
    let made = "d = derivation('d', script = 'true')\n";
    for bad in [
        "read(d + '/x')",
        "read(d)",
        "source(str(d))",
        "file('x' + str(d), '')",
        "tree('t', {d + '/x': ''})",
        "glob([d + '/*'])",
        "derivation(name = d, script = 'x')",
    ] {
        says(&format!("{made}{bad}\n"), &["cannot be read during"]);
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
fn paths_are_relative_to_the_file_that_says_them() {
    let repo = Repo::with_modes(&[
        (
            "kiln.star",
            "load('//lib/a.star', 'a')\nhost('h', tree('t', a()))\n",
            FILE,
        ),
        (
            "lib/a.star",
            "load(':b.star', 'b')\ndef a():\n    return {'x': read('x'), 'y': b(), 's': source('s'), 'g': ' '.join(glob('**/*.sh'))}\n",
            FILE,
        ),
        (
            "lib/b.star",
            "def b():\n    return read('s/run.sh') + read('//top')\n",
            FILE,
        ),
        ("lib/x", "x", FILE),
        ("lib/s/run.sh", "run", EXECUTABLE),
        ("lib/s/link", "run.sh", LINK),
        ("top", "top", FILE),
    ]);
    let graph = repo.evaluate("h").unwrap();
    assert_eq!(text(&graph, "x"), "x");
    assert_eq!(text(&graph, "y"), "runtop");
    assert_eq!(text(&graph, "g"), "s/run.sh");
    match &graph.nodes[0] {
        Node::Source(source) => {
            assert_eq!(
                (source.path.as_str(), source.kind),
                ("lib/s", SourceKind::Folder)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn e06_equal_derivations_are_one_and_only_what_is_needed_is_there() {
    let kiln = "def d(n):\n    return derivation('d', script = 'echo %s' % n)\n\
                unused = d(9)\n\
                host('h', tree('t', {'a': d(1), 'b': d(1), 'c': d(2) + '/x'}))\n";
    let graph = graph(kiln);
    assert_eq!(steps(&graph).len(), 2);
    assert_eq!(graph.nodes.len(), 3);
    for (number, node) in (0u32..).zip(&graph.nodes) {
        assert!(
            node.inputs().iter().all(|input| input.node < number),
            "{graph:#?}"
        );
    }
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
fn e07_the_same_input_gives_the_same_bytes() {
    let kiln = "ds = {n: derivation(n, script = 'x', env = {'A': n, 'B': ['x', 'y']}) for n in ['z', 'a', 'm']}\n\
                host('h', tree('t', {n: d + '/bin' for n, d in ds.items()} | {'x': secret('s')}))\n";
    let repo = Repo::new(&[("kiln.star", kiln)]);
    let bytes = || serde_json::to_vec(&repo.evaluate("h").unwrap()).unwrap();
    let first = bytes();
    for _ in 0..50 {
        assert!(bytes() == first);
    }
}

#[test]
fn e08_braces_parameters_and_specifiers_survive_and_a_secret_is_a_path() {
    let kiln = "unit = render(dedent(r\"\"\"\n    a { ${x%.c} %d }\n    key @key@\n\"\"\"), key = secret('db'))\n\
                other = secret('unused')\n\
                host('h', tree('t', {'u': unit}))\n";
    let graph = graph(kiln);
    assert_eq!(
        text(&graph, "u"),
        "a { ${x%.c} %d }\nkey /run/kiln/secrets/db\n"
    );
    assert_eq!(graph.secrets, ["db"]);
}

#[test]
fn outputs_survive_joining_formatting_rendering_and_encoding() {
    let kiln = "d = derivation('d', script = 'x', outputs = ['out', 'dev'])\n\
                name = 'n'\nf = f'{d}{name}'\n\
                host('h', tree('t', {\n\
                    'a': d + '/bin', 'b': 'x' + d.dev, 'c': '%s' % d, 'd': json.encode({'k': d}),\n\
                    'e': render('@d@', d = d), 'f': f, 'g': ':'.join([str(d), str(d.dev)]),\n\
                    'h': '{}'.format(d), 'i': symlink(d + '/x'), 'j': d.dev,\n\
                }))\n";
    let graph = graph(kiln);
    for (path, expected) in [
        ("a", "<d.out>/bin"),
        ("b", "x<d.dev>"),
        ("c", "<d.out>"),
        ("d", "{\"k\":\"<d.out>\"}"),
        ("e", "<d.out>"),
        ("f", "<d.out>n"),
        ("g", "<d.out>:<d.dev>"),
        ("h", "<d.out>"),
        ("i", "<d.out>/x"),
    ] {
        assert_eq!(text(&graph, path), expected, "{path}");
    }
    assert!(matches!(&root(&graph).entries["j"].kind, EntryKind::Link(o) if o.output == "dev"));
}

#[test]
fn a_derivation_becomes_a_step_with_all_it_said() {
    let kiln = "dep = derivation('dep', script = 'true')\n\
                f = file('f', dep + '\\n')\n\
                d = derivation('d', deps = [dep], src = f, timeout = '1h30m', system = 'aarch64-linux',\n\
                    env = {'WORDS': ['a', dep], 'N': 7, 'F': f},\n\
                    limits = {'memory': '1G'}, script = '''\n    one\n      two\n''')\n\
                host('h', d, needs = ['/usr/bin/cc'], platform = 'p', machine_id = 'm', system = 'aarch64-linux')\n";
    let graph = graph(kiln);
    let step = steps(&graph)[1];
    assert_eq!(
        step.script,
        Some(crate::backend::native::graph::Template::text(
            "one\n  two\n"
        ))
    );
    assert_eq!(step.timeout, Some(5400));
    assert_eq!(
        step.env["N"],
        crate::backend::native::graph::Template::text("7")
    );
    assert!(
        matches!(step.env["WORDS"].0.as_slice(), [Piece::Text(a), Piece::Output(_)] if a == "a ")
    );
    assert_eq!(step.location.as_ref().map(|l| l.line), Some(3));
    assert_eq!((step.deps.len(), step.src.is_some()), (1, true));
    assert_eq!(graph.needs, ["/usr/bin/cc"]);
    assert_eq!(
        (graph.system.as_str(), graph.platform.as_deref()),
        ("aarch64-linux", Some("p"))
    );
    assert_eq!(graph.machine_id.as_deref(), Some("m"));
}

#[test]
fn wrong_arguments_are_errors_at_the_call() {
    for (call, word) in [
        ("derivation('a b', script = 'x')", "may not contain ' '"),
        ("derivation('d')", "needs a script"),
        (
            "derivation('d', script = 'x', builder = '/bin/x')",
            "not both",
        ),
        (
            "derivation('d', script = 'x', host_tools = False)",
            "no /bin/sh",
        ),
        (
            "derivation('d', script = 'x', outputs = [])",
            "at least one",
        ),
        (
            "derivation('d', script = 'x', outputs = ['a', 'a'])",
            "twice",
        ),
        (
            "derivation('d', script = 'x', env = {'A': ['a b']})",
            "white space",
        ),
        (
            "derivation('d', script = 'x', env = {'A': 'x' * 200000})",
            "file(",
        ),
        (
            "derivation('d', script = 'x', env = {'1': 'x'})",
            "variable",
        ),
        (
            "derivation('d', script = 'x', env = {'A': True})",
            "write the text",
        ),
        (
            "derivation('d', script = 'x', limits = {'memry': 1})",
            "did you mean \"memory\"?",
        ),
        (
            "derivation('d', script = 'x', output_hash = 'sha256-x')",
            "44 characters",
        ),
        ("derivation('d', script = 'x', timeout = 'soon')", "1h30m"),
        ("derivation('d', script = 'x', timeout = 0)", "timeout"),
        (
            "derivation('d', script = 'x', deps = ['/usr'])",
            "must be what derivation()",
        ),
        ("derivation('d', script = 7)", "script must be text"),
        ("tree('t', {'../x': ''})", "'..'"),
        ("tree('t', {'a': 'x', 'a/b': 'y'})", "no folder"),
        ("tree('t', {'a': {'b': 'c'}})", "whole paths"),
        ("tree('t', {'a': 7})", "not an int"),
        ("tree('t', {'a': entry('x', mode = 'rw')})", "octal"),
        ("tree('t', base = ['x'])", "an item of base"),
        ("fetch('https://x', '')", "no fetch() yet"),
        ("render('@a@')", "no a=..."),
        ("render('x', a = 1)", "no @a@"),
        ("glob('*.none')", "allow_empty"),
        ("secret('../x')", "secret"),
        ("host('h', 'text')", "must be a tree"),
        ("host('a b', tree('t'))", "host name"),
        ("host('h', tree('t'), needs = ['x'])", "absolute"),
        ("host('h', lambda h: None)", "return the tree"),
        (
            "load('@kiln//txt.star', 'pad')",
            "did you mean \"text.star\"?",
        ),
    ] {
        says(&format!("{call}\n"), &[word]);
    }
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
fn what_is_printed_goes_to_the_log_and_the_commit_is_known() {
    let repo = Repo::new(&[(
        "kiln.star",
        "print('hello', commit().short)\nhost('h', tree('t', {'a': commit().id + commit().time}))\n",
    )]);
    let lines = Mutex::new(Vec::new());
    let print = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let graph = evaluate_here(&repo.request("h"), &print).unwrap();
    assert_eq!(*lines.lock().unwrap(), ["hello 0123456789ab"]);
    assert!(text(&graph, "a").ends_with("1970-01-01T00:00:00Z"));
}

#[test]
fn the_language_has_what_it_says() {
    let kiln = "def f(a: str, *, b: int = 1) -> str:\n    return f'{a}' + str(b)\n\
                x = []\nfor n in range(3):\n    if n > 0:\n        x.append(n)\n\
                s = struct(a = 1)\n\
                host('h', tree('t', {'x': f('a', b = 2) + str(x) + str(s.a), 'empty': {}, 'gone': None,\n\
                    'e': entry('x', mode = '0440', owner = 'root', group = 'root'),\n\
                    'c': entry(file('c', 'x'), copy = True)}, base = [tree('b', {'gone': ''})]))\n";
    let graph = graph(kiln);
    assert_eq!(text(&graph, "x"), "a2[1, 2]1");
    let entries = &root(&graph).entries;
    assert_eq!(entries["empty"].kind, EntryKind::Folder);
    assert_eq!(entries["gone"].kind, EntryKind::Removed);
    assert_eq!(entries["e"].mode.as_deref(), Some("0440"));
    assert!(matches!(entries["c"].kind, EntryKind::Copy(_)));
}

#[test]
fn the_shipped_library_writes_what_programs_read() {
    let kiln = "load('@kiln//text.star', 'pad', 'shell_quote', 'ini', 'toml', 'yaml', 'unit')\n\
                load('@kiln//layers.star', 'layer', 'merge')\n\
                data = {'a': 1, 't': {'x': ['y'], 'on': True}, 'l': [{'n': 'no'}]}\n\
                merged = merge(layer('base', {'n': 1, 'l': ['a'], 'd': {'x': 1}}), layer('web', {'n': 2, 'l': ['b'], 'd': {'y': 2}}))\n\
                host('h', tree('t', {\n\
                    'pad': pad(7, 2) + pad(-7, 3) + pad('x', 3, ' '), 'quote': shell_quote(\"it's\") + shell_quote('a/b'),\n\
                    'ini': ini({'s': {'k': 'v', 'm': [1, 2], 'none': None}}), 'toml': toml(data), 'yaml': yaml(data),\n\
                    'unit': unit({'Unit': {'After': ['a', 'b']}, 'Service': {'User': 'x'}}), 'merged': json.encode(merged),\n\
                }))\n";
    let graph = graph(kiln);
    for (path, expected) in [
        ("pad", "07-07  x"),
        ("quote", "'it'\\''s'a/b"),
        ("ini", "[s]\nk = v\nm = 1\nm = 2\n"),
        ("unit", "[Unit]\nAfter=a\nAfter=b\n\n[Service]\nUser=x\n"),
        (
            "toml",
            "a = 1\n\n[t]\nx = [\"y\"]\non = true\n\n[[l]]\nn = \"no\"\n",
        ),
        (
            "yaml",
            "\"a\": 1\n\"t\":\n  \"x\":\n    - \"y\"\n  \"on\": true\n\"l\":\n  -\n    \"n\": \"no\"\n",
        ),
        (
            "merged",
            "{\"n\":2,\"l\":[\"a\",\"b\"],\"d\":{\"x\":1,\"y\":2}}",
        ),
    ] {
        assert_eq!(text(&graph, path), expected, "{path}");
    }
    let toml: toml::Value = toml::from_str(&text(&graph, "toml")).unwrap();
    assert_eq!(toml["l"][0]["n"].as_str(), Some("no"));
    says(
        "load('@kiln//layers.star', 'layer', 'merge')\nmerge(layer('base', {'n': 1}), layer('web', {'n': []}))\n",
        &["base", "web", "a int", "a list"],
    );
}

#[test]
fn a_commit_without_the_file_says_what_to_do() {
    let failure = failure_of(&Repo::new(&[("README", "")]));
    assert!(failure.message.contains("has no kiln.star"), "{failure:?}");
    assert!(failure.hint.contains("kiln init"), "{failure:?}");
}

/// A folder of the work tree as a Git tree.
fn repo_of(folder: &Path) -> Repo {
    let files = RefCell::new(Vec::new());
    fn walk(root: &Path, folder: &Path, files: &RefCell<Vec<(String, String)>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(root, &path, files),
                false => {
                    let name = path
                        .strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned();
                    files
                        .borrow_mut()
                        .push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    walk(folder, folder, &files);
    let files = files.into_inner();
    let files: Vec<_> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    Repo::new(&files)
}

#[test]
fn the_example_web_host_evaluates_for_each_of_its_hosts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web-host");
    let repo = repo_of(&folder);
    assert_eq!(
        hosts(&repo.request("h"), &|_| ()).unwrap(),
        ["db-1", "web-1", "web-2"]
    );
    for (host, programs) in [("web-1", 2), ("web-2", 2), ("db-1", 1)] {
        let started = std::time::Instant::now();
        let graph = repo.evaluate(host).unwrap();
        println!(
            "{host}: {:?}, {} nodes",
            started.elapsed(),
            graph.nodes.len()
        );
        let trees = graph.nodes.iter().filter_map(|node| match node {
            Node::Tree(tree) => Some(tree),
            _ => None,
        });
        let paths: Vec<_> = trees.flat_map(|tree| tree.entries.keys()).collect();
        assert!(
            paths.iter().any(|path| path.starts_with("usr/local/bin/")),
            "{host}"
        );
        assert!(
            paths.iter().any(|path| path.starts_with("etc/systemd/")),
            "{host}"
        );
        assert!(steps(&graph).len() >= programs, "{host}");
    }
}
