//! Evaluation in its child process: the limits that only a process can have.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

use git2::{Index, Oid, Repository};
use kiln::backend::native::eval::{EvalEnd, EvalRequest, evaluate};
use kiln::source::repository::index_entry;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn repo(files: &[(&str, &str)]) -> (TempDir, Oid) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init_bare(folder.path()).unwrap();
    let mut index = Index::new().unwrap();
    for (path, text) in files {
        let id = repository.blob(text.as_bytes()).unwrap();
        let entry = index_entry(Path::new(path), 0o100_644, id);
        index.add(&entry).unwrap();
    }
    let tree = index.write_tree_to(&repository).unwrap();
    (folder, tree)
}

fn request(folder: &TempDir, tree: Oid) -> EvalRequest {
    EvalRequest {
        repository: folder.path().to_owned(),
        tree: tree.to_string(),
        commit: "0".repeat(40),
        commit_time: time::OffsetDateTime::UNIX_EPOCH,
        subdir: ".".into(),
        file: "kiln.star".into(),
        host: "h".parse().unwrap(),
        system: "x86_64-linux".into(),
        timeout: Duration::from_secs(120),
        memory: 1 << 30,
    }
}

/// How an evaluation of `kiln.star` for host `h` ends, and what it printed.
async fn run(kiln: &str, change: impl FnOnce(&mut EvalRequest)) -> (EvalEnd, String) {
    kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
    let (folder, tree) = repo(&[("kiln.star", kiln)]);
    let mut request = request(&folder, tree);
    change(&mut request);
    let mut log = Vec::new();
    let cancel = CancellationToken::new();
    let end = evaluate(&request, &cancel, |bytes| log.extend_from_slice(bytes));
    let end = end.await.unwrap();
    (end, String::from_utf8(log).unwrap())
}

/// It fails, and names the limit with this word.
async fn limited(kiln: &str, word: &str) {
    let (end, _) = run(kiln, |request| request.memory = 512 << 20).await;
    match end {
        EvalEnd::Failed(failure) => {
            assert!(
                failure.message.contains("limit reached"),
                "{failure:?}\n{kiln}"
            );
            assert!(failure.message.contains(word), "{failure:?}\n{kiln}");
        }
        other => panic!("{other:?}\n{kiln}"),
    }
}

#[tokio::test]
async fn a_child_gives_the_graph_and_the_log() {
    let (end, log) = run("print('hello')\nhost('h', tree('t', {'a': 'x'}))\n", |_| ()).await;
    assert!(matches!(end, EvalEnd::Graph(graph) if graph.nodes.len() == 1));
    assert_eq!(log, "hello\n");
}

#[tokio::test]
async fn e01_an_undeclared_host_is_an_end_of_its_own() {
    let (end, _) = run("host('a', tree('t'))\n", |_| ()).await;
    assert!(matches!(end, EvalEnd::UndeclaredHost { known, .. } if known == ["a"]));
}

#[tokio::test]
async fn e03_memory_is_limited_by_the_kernel_and_the_limit_is_named() {
    limited("x = 'a' * 2000000000\n", "memory").await;
    limited("x = sorted(range(100000000))\n", "memory").await;
    limited(
        "x = []\nfor n in range(100000000):\n    x.append(str(n) * 100)\n",
        "memory",
    )
    .await;
}

#[tokio::test]
async fn e03_ten_million_derivations_are_stopped() {
    limited(
        "for n in range(10000000):\n    derivation('d%d' % n, script = 'x')\n",
        "limit",
    )
    .await;
}

#[tokio::test]
async fn e03_nesting_is_limited() {
    limited(
        &format!("x = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000)),
        "nested",
    )
    .await;
    limited(&format!("x = {}1\n", "-".repeat(2_000_000)), "nested").await;
    limited(
        "x = []\nfor n in range(10000000):\n    x = [x]\nprint(x)\n",
        "",
    )
    .await;
    limited("def f(n):\n    return [f(n + 1)]\nf(0)\n", "nested").await;
}

#[tokio::test]
async fn e03_time_is_limited_inside_and_outside_of_builtins() {
    let endless = "def f():\n    for a in range(1000000):\n        for b in range(1000000):\n            pass\nf()\n";
    let started = Instant::now();
    let (end, _) = run(endless, |request| {
        request.timeout = Duration::from_millis(300);
    })
    .await;
    assert!(matches!(end, EvalEnd::TimedOut(failure) if failure.message.contains("0.3 s")));
    let builtin = "x = list(range(100000))\nfor n in range(100000):\n    y = sorted(x)\n";
    let (end, _) = run(builtin, |request| {
        request.timeout = Duration::from_millis(300);
    })
    .await;
    assert!(matches!(end, EvalEnd::TimedOut(_)), "{end:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn e03_memory_that_runs_out_inside_one_expression_is_shown_with_its_place() {
    for (expression, memory) in [
        ("[i for i in range(2000000000)]", 512 << 20),
        ("sorted(range(100000000))", 512 << 20),
        ("f2('0123456789' * 100, 30)", 512 << 20),
    ] {
        let kiln = format!(
            "def f2(s, n):\n    for i in range(n):\n        s = s + s\n    return s\n\ndef f():\n    a = 1\n    x = {expression}\n    return x\n\nf()\n"
        );
        let (end, log) = run(&kiln, |request| request.memory = memory).await;
        let EvalEnd::Failed(failure) = end else {
            panic!("{end:?}\n{kiln}");
        };
        assert!(failure.message.contains("memory limit"), "{failure:?}");
        assert!(failure.hint.contains("grows without end"), "{failure:?}");
        assert!(failure.log_tail.contains('^'), "{failure:?}");
        let call = "called from kiln.star:11:1: f()";
        assert!(failure.log_tail.contains(call), "{failure:?}");
        let line = if expression.starts_with("f2") { 3 } else { 8 };
        assert_eq!(failure.location.map(|at| at.line), Some(line));
        assert_eq!(log, "", "no library speaks for itself");
    }
}

#[tokio::test]
async fn e03_an_evaluation_that_takes_too_long_is_shown_with_its_place() {
    let kiln = "x = list(range(20000))\ndef f():\n    for n in range(100000000):\n        y = max(x)\nf()\n";
    let (end, _) = run(kiln, |request| {
        request.timeout = Duration::from_secs(4);
    })
    .await;
    let EvalEnd::TimedOut(failure) = end else {
        panic!("{end:?}");
    };
    assert_eq!(failure.location.map(|at| at.line), Some(4));
    assert!(failure.log_tail.contains("called from kiln.star:5:1: f()"));
}

#[tokio::test]
async fn e03_an_endless_loop_ends_at_the_limit_of_steps() {
    limited("def f():\n    for a in range(1000000):\n        for b in range(1000000):\n            pass\nf()\n", "steps").await;
}

#[tokio::test]
async fn e03_what_is_printed_is_cut_and_the_evaluation_goes_on() {
    let kiln =
        "x = 'a' * 1000000\nfor n in range(100):\n    print(x)\nhost('h', tree('t', {'a': 'x'}))\n";
    let (end, log) = run(kiln, |_| ()).await;
    assert!(matches!(end, EvalEnd::Graph(_)), "{end:?}");
    let notice = "(print: the rest is left out after 64 MiB)\n";
    assert!(log.ends_with(notice), "{}", log.len());
    assert!(log.len() <= (64 << 20) + 1 + notice.len());
}

/// The children of this process that evaluate, as /proc shows them.
fn evaluators() -> Vec<String> {
    let parent = format!("PPid:\t{}\n", std::process::id());
    let shown = |folder: std::path::PathBuf| {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let status = read("status")?;
        let evaluates = status.contains(&parent) && read("cmdline")?.contains("internal\0eval");
        evaluates.then_some(status + &read("limits")?)
    };
    let folders = std::fs::read_dir("/proc").unwrap();
    folders
        .filter_map(|entry| shown(entry.ok()?.path()))
        .collect()
}

#[tokio::test]
async fn e04_the_child_has_no_rights_left_when_it_reads_the_repository() {
    kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
    let (folder, tree) = repo(&[(
        "kiln.star",
        "print('running')\nfor a in range(1 << 30):\n    for b in range(1 << 20):\n        pass\n",
    )]);
    let request = request(&folder, tree);
    let cancel = CancellationToken::new();
    let mut seen = Vec::new();
    let end = evaluate(&request, &cancel, |_| {
        seen = evaluators();
        cancel.cancel();
    });
    assert!(matches!(end.await.unwrap(), EvalEnd::Cancelled));
    let confined = seen.iter().any(|child| {
        let has = |name: &str, words: &[&str]| {
            let line = child.lines().find_map(|line| line.strip_prefix(name));
            line.is_some_and(|line| {
                line.split_whitespace()
                    .take(words.len())
                    .eq(words.iter().copied())
            })
        };
        has("NoNewPrivs:", &["1"])
            && has("CapEff:", &["0000000000000000"])
            && has("CapPrm:", &["0000000000000000"])
            && has("CapBnd:", &["0000000000000000"])
            && has("Max file size", &["0", "0"])
            && has("Max processes", &["0", "0"])
    });
    assert!(confined, "{seen:#?}");
}

#[tokio::test]
async fn a_cancelled_evaluation_ends_at_once() {
    kiln::process::set_program(env!("CARGO_BIN_EXE_kiln"));
    let (folder, tree) = repo(&[(
        "kiln.star",
        "print('running')\nfor a in range(1 << 30):\n    for b in range(1 << 20):\n        pass\n",
    )]);
    let request = request(&folder, tree);
    let cancel = CancellationToken::new();
    let end = sendable(evaluate(&request, &cancel, |_| cancel.cancel()))
        .await
        .unwrap();
    assert!(matches!(end, EvalEnd::Cancelled), "{end:?}");
}

/// A backend's futures go from thread to thread.
fn sendable<T: Send>(future: T) -> T {
    future
}
