//! Evaluations remembered: asked again only where an answer has changed.

use super::engine::{Engine, config};
use kiln::backend::EvaluationOutcome;

const STAR: &str = r#"
print("evaluated")
def root(h):
    return tree("t", {"f": read(h.name + ".txt"), "s": source("s", exclude = ["*.md"]), "n": ",".join(glob("g/*", allow_empty = True))})
host("a", root)
host("b", root)
"#;

const BASE: [(&str, &str); 5] = [
    ("kiln.star", STAR),
    ("a.txt", "a"),
    ("b.txt", "b"),
    ("s/x.c", "x"),
    ("g/1", ""),
];

fn with<'t>(path: &'t str, text: &'t str) -> Vec<(&'t str, &'t str)> {
    let mut files: Vec<_> = BASE.iter().copied().filter(|(p, _)| *p != path).collect();
    files.push((path, text));
    files
}

fn drv(outcome: &EvaluationOutcome) -> Option<&str> {
    match outcome {
        EvaluationOutcome::Succeeded(evaluated) => Some(&evaluated.drv_path),
        EvaluationOutcome::TimedOut(_) => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn e05_a_commit_that_answers_alike_is_not_evaluated_again() {
    let engine = Engine::new(config(1));
    let first = engine.evaluate("a", &engine.commit(&BASE)).await;
    let first = drv(&first).unwrap();
    for (why, commit) in [
        ("the same files", engine.commit(&BASE)),
        (
            "a file of the other host",
            engine.commit(&with("b.txt", "B")),
        ),
        ("a file nobody read", engine.commit(&with("README", "r"))),
        (
            "what a source leaves out",
            engine.commit(&with("s/y.md", "y")),
        ),
        (
            "what a pattern finds, by content",
            engine.commit(&with("g/1", "1")),
        ),
    ] {
        let again = engine.remembered("a", &commit).await;
        assert_eq!(drv(&again), Some(first), "{why}");
    }
    assert_eq!(
        engine.heard.text().matches("evaluated\n").count(),
        6,
        "what it printed is said again"
    );
    for (why, commit) in [
        ("a file it read", engine.commit(&with("a.txt", "A"))),
        (
            "a file of its source",
            engine.commit(&with("s/x.c", "changed")),
        ),
        (
            "one more file of a pattern",
            engine.commit(&with("g/2", "")),
        ),
        (
            "its language",
            engine.commit(&with("kiln.star", &format!("{STAR}\n"))),
        ),
    ] {
        let again = engine.remembered("a", &commit).await;
        assert_eq!(drv(&again), None, "{why}");
    }
}

#[tokio::test]
async fn e05_commit_makes_the_evaluation_depend_on_the_commit() {
    let star = r#"host("a", tree("t", {"id": commit().id}))"#;
    let engine = Engine::new(config(1));
    let (one, two) = (
        engine.commit(&[("kiln.star", star)]),
        engine.commit(&[("kiln.star", star)]),
    );
    let first = engine.evaluate("a", &one).await;
    let again = engine.remembered("a", &one).await;
    assert_eq!(drv(&again), drv(&first), "the very same commit");
    assert_eq!(drv(&engine.remembered("a", &two).await), None);
}

#[tokio::test]
async fn e05_a_certain_error_is_remembered_and_a_limit_is_not() {
    let engine = Engine::new(config(1));
    let wrong = engine.commit(&[("kiln.star", "host('a', read('no.txt'))")]);
    let failed = |outcome| match outcome {
        EvaluationOutcome::Failed(failure) => Some((failure.message, failure.location)),
        EvaluationOutcome::TimedOut(_) => None,
        other => panic!("{other:?}"),
    };
    let first = failed(engine.evaluate("a", &wrong).await);
    assert!(first.is_some());
    assert_eq!(failed(engine.remembered("a", &wrong).await), first);
    // The message suggests from the names in the folder: a new one is asked for.
    let near = engine.commit(&[("kiln.star", "host('a', read('no.txt'))"), ("no.tx", "")]);
    assert_eq!(failed(engine.remembered("a", &near).await), None);
    let endless = engine.commit(&[(
        "kiln.star",
        "def f(x):\n    return f(x)\nhost('a', tree('t', {}))\nf(1)",
    )]);
    assert!(failed(engine.evaluate("a", &endless).await).is_some());
    assert_eq!(failed(engine.remembered("a", &endless).await), None);
}

#[tokio::test]
async fn an_evaluation_whose_graph_left_the_store_is_made_again() {
    let engine = Engine::new(config(1));
    let commit = engine.commit(&BASE);
    let first = engine.evaluate("a", &commit).await;
    let name = drv(&first).unwrap().rsplit('/').next().unwrap();
    let object = engine.folder.join("store").join(name);
    std::fs::remove_file(object).unwrap();
    assert_eq!(drv(&engine.remembered("a", &commit).await), None);
    assert_eq!(drv(&engine.evaluate("a", &commit).await), drv(&first));
}
