//! What a person is told (E1, E2).

use super::*;

#[test]
fn e01_an_undeclared_host_is_told_the_known_ones() {
    let repo = Repo::new(&[("kiln.star", "host('b', tree('t'))\nhost('a', tree('t'))\n")]);
    match repo.evaluate("h") {
        Err(Refusal::UndeclaredHost { known, failure }) => {
            assert_eq!(known, ["a", "b"]);
            assert!(failure.message.contains("declared: a, b"), "{failure:?}");
            assert!(failure.hint.contains("kiln dev --host NAME"), "{failure:?}");
            let agent = "host = \"NAME\"` in kiln.toml";
            assert!(failure.hint.contains(agent), "{failure:?}");
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
        (
            "derivation('d', script = 'x', limits = {'memory': '1 GB'})",
            "\"memory\": \"1 GB\" is not a size",
        ),
        (
            "derivation('d', script = 'x', provider = 'sandbox')",
            "provider is not in this version yet",
        ),
        ("tree('t', {'a/' * 129 + 'a': ''})", "deeper than 128"),
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
        ("fetch('ftp://x/a', '')", "neither https nor http"),
        ("fetch('file:///etc/passwd', '')", "neither https nor http"),
        ("fetch('https://u:p@x/a', '')", "netrc_file"),
        ("fetch([], '')", "empty list"),
        ("fetch(7, '')", "a list of mirrors"),
        ("fetch('https://x/a', 'abc')", "sha256sum prints"),
        ("fetch('https://x/a', '', name = 'a/b')", "may not contain"),
        (
            "fetch('https://x/a', '', unpack = True, executable = True)",
            "their own modes",
        ),
        ("fetch('https://x/a', '', nme = 'x')", "did you mean"),
        ("fetch(file('f', 'x') + '/a', '')", "cannot be an output"),
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
fn a_commit_without_the_file_says_what_to_do() {
    let failure = failure_of(&Repo::new(&[("README", "")]));
    assert!(failure.message.contains("has no kiln.star"), "{failure:?}");
    assert!(failure.hint.contains("kiln init"), "{failure:?}");
}

#[test]
fn e02_the_evaluators_own_messages_are_said_in_the_users_words() {
    for (kiln, words) in [
        (
            "range(1000000000000)",
            "range(): a number given to it is too large",
        ),
        ("'x' * 3000000000", "3000000000 is too large"),
        ("1 + 'a'", "str(n) makes a text"),
        ("'a' + None", "lack its return"),
        ("{} + {}", "a | b joins dicts"),
        ("1 < 'a'", "cannot be compared"),
        ("None['a']", "None has no items"),
        ("{}['a']", "no key \"a\" in the dict: d.get("),
        ("[1][5]", "no item 5"),
        ("None()", "None is no function"),
        ("'a'()", "'a' is a text, no function"),
        ("[i for i in 5]", "item by item"),
        ("len(5)", "has no length"),
        ("None.foo", "None has no attribute `foo`"),
        ("'%d' % 'a'", "use %s"),
        ("','.join([1])", "join(): what it is given must be a text"),
        (
            "file('x', 'y', executable = 'yes')",
            "executable must be True or False, not a text \"yes\"",
        ),
        ("render('a', 'b')", "name the values"),
        ("derivation()", "called without its parameter `name`"),
        ("{[1]: 2}", "cannot be the key of a dict"),
        ("pad(1, 2)", "@kiln//text.star"),
    ] {
        says(&format!("x = {kiln}\n"), &[words]);
    }
    says(
        "x = [1]\nfor i in x:\n    x.append(i)\n",
        &["a copy, list(x)"],
    );
}
