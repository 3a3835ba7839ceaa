//! What the names do (E6, E7, E8).

use super::*;

#[test]
fn only_the_wanted_hosts_root_is_called() {
    graph("def bad(h):\n    fail('called')\nhost('other', bad)\nhost('h', tree('t'))\n");
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
                host('h', tree('t', {'a': d(1), 'b': derivation('d', script = 'echo 1'), 'c': d(2) + '/x'}))\n";
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
                    limits = {}, provider = None, script = '''\n    one\n      two\n''')\n\
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
fn fetch_makes_a_node_of_its_own_and_unpack_another() {
    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let graph = graph(&format!(
        "a = fetch('https://h/dir/x-1.tar.gz', '{HASH}')\n\
         b = fetch(['https://h/dir/x-1.tar.gz'], '{HASH}', unpack = True)\n\
         c = fetch(('https://h/t', 'http://m/t'), '', name = 'tool', executable = True)\n\
         host('h', tree('t', {{'a': a, 'b': b, 'c': c, 'd': symlink(b + '/bin')}}))\n"
    ));
    let mut fetched = graph.nodes.iter().filter_map(|node| match node {
        Node::Fetch(fetch) => Some(fetch),
        _ => None,
    });
    let (archive, tool) = (fetched.next().unwrap(), fetched.next().unwrap());
    assert!(fetched.next().is_none(), "the same archive is one node");
    assert_eq!(archive.name, "x-1.tar.gz");
    assert_eq!(archive.sha256.as_deref(), Some(HASH));
    assert_eq!(archive.location.as_ref().map(|at| at.line), Some(1));
    assert_eq!((tool.name.as_str(), tool.executable), ("tool", true));
    assert_eq!(tool.urls, ["https://h/t", "http://m/t"]);
    assert_eq!(tool.sha256, None);
    let unpacked = graph.nodes.iter().find_map(|node| match node {
        Node::Unpack(unpack) => Some(unpack),
        _ => None,
    });
    assert_eq!(unpacked.unwrap().name, "x-1");
    assert_eq!(text(&graph, "d"), "<x-1.out>/bin");
}
