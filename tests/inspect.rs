//! `kiln check`, `graph` and `diff`: revisions without an agent, generations of
//! a real one.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use serde_json::Value;

const TWO: &str = r#"
shop = derivation(name = "shop", src = source("src"), script = "mkdir $out; cp main.c $out/")
def root(h):
    return tree(h.name, {"etc/motd": h.meta["motd"] + "\n", "opt/shop": shop})
host("web-1", root, meta = {"motd": "one"}, needs = ["/usr/sbin/nginx"])
host("db-1", root, meta = {"motd": "database"})
"#;

fn two(home: &Home) -> Repository {
    let repository = Repository::new(home.path("infra"));
    repository.write("src/main.c", "int main(void) { return 0; }\n");
    repository.commit(TWO);
    repository
}

fn lines(said: &Said) -> Vec<Value> {
    let lines = said.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Runs `kiln` with a repository and the arguments in `line`.
fn at(home: &Home, repository: &Repository, line: &str) -> Said {
    let mut args: Vec<&str> = line.split(' ').collect();
    args.extend(["--repo", repository.path.to_str().unwrap()]);
    home.kiln(&args)
}

#[test]
fn check_evaluates_every_host_runs_the_tests_and_leaves_nothing() {
    let home = Home::new();
    let repository = two(&home);
    repository.write(
        "lib/math_test.star",
        "def test_sums():\n    if 1 + 1 != 2:\n        fail(\"sums\")\n",
    );
    let said = at(&home, &repository, "check --json").ok();
    let found = lines(&said);
    let shown: Vec<_> = found
        .iter()
        .map(|line| {
            (
                line["kind"].as_str().unwrap(),
                line["name"].as_str().unwrap(),
                line["passed"] == true,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("CHECK_KIND_HOST", "web-1", true),
            ("CHECK_KIND_HOST", "db-1", true),
            ("CHECK_KIND_TEST", "lib/math_test.star:test_sums", true),
        ]
    );
    assert_eq!(found[0]["needs"][0], "/usr/sbin/nginx");
    assert!(!home.path("state").exists() && !home.path(".local").exists());
    // The work tree counts, but for a revision; one that fails does not hide the others.
    repository.write(
        "kiln.star",
        &TWO.replace("h.meta[\"motd\"]", "h.meta[\"modt\"]"),
    );
    repository.write(
        "lib/math_test.star",
        "def test_a():\n    fail(\"told\")\ndef test_b():\n    pass\n",
    );
    let said = at(&home, &repository, "check --json");
    assert_eq!(said.code, Some(1), "{said:?}");
    let found = lines(&said);
    assert_eq!(found.len(), 4, "{said:?}");
    assert_eq!(found[1]["failure"]["location"]["line"], 4, "{said:?}");
    assert_eq!(found[2]["failure"]["message"], "told");
    assert_eq!(found[2]["location"]["line"], 2);
    assert_eq!(found[3]["passed"], true);
    at(&home, &repository, "check HEAD").ok();
}

#[test]
fn check_warns_of_a_function_that_sees_only_the_last_value_of_a_loop() {
    let home = Home::new();
    let repository = two(&home);
    repository.commit(
        r#"
for name in ["a", "b"]:
    host(name, lambda h: tree("t", {"etc/name": name}))
later = [lambda: n for n in range(2)]
fine = [sorted(["x"], key = lambda x: {x: n}[x]) for n in range(2)]
also = [lambda n = n: n for n in range(2)]
def f():
    for i in range(2):
        def g():
            return render("@i@", i = i)
"#,
    );
    let said = at(&home, &repository, "check --json").ok();
    let warned: Vec<_> = lines(&said)
        .into_iter()
        .filter(|line| line["kind"] == "CHECK_KIND_WARNING")
        .map(|line| {
            (
                line["name"].as_str().unwrap().to_owned(),
                line["location"]["line"].as_u64(),
            )
        })
        .collect();
    let trap = |line| ("loop-variable".to_owned(), Some(line));
    assert_eq!(warned, [trap(3), trap(4), trap(9)]);
    // What the warning says is what happens.
    let graph = at(&home, &repository, "diff HEAD HEAD").ok();
    assert_eq!(graph.stdout, "");
}

#[test]
fn a_graph_of_a_revision_needs_no_agent_and_is_written_in_four_ways() {
    let home = Home::new();
    let repository = two(&home);
    let said = at(&home, &repository, "graph HEAD --host web-1").ok();
    assert_eq!(
        said.stdout,
        "tree    web-1  <- shop\nstep    shop  <- src\nsource  src\n"
    );
    let dot = at(&home, &repository, "graph --host web-1 --format dot").ok();
    assert!(dot.stdout.contains("n0 -> n1;"), "{dot:?}");
    let mermaid = at(&home, &repository, "graph --host web-1 --format mermaid").ok();
    assert!(mermaid.stdout.contains("n0 --> n1"), "{mermaid:?}");
    let json = at(&home, &repository, "graph --host web-1 --format json")
        .ok()
        .json();
    assert_eq!(json["nodes"][1]["inputs"], serde_json::json!([0]));
    let unknown = at(&home, &repository, "graph --host nobody");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("db-1, web-1"), "{unknown:?}");
    let none = at(&home, &repository, "graph no-such-branch --host web-1");
    assert_eq!(none.code, Some(2), "{none:?}");
}

#[test]
fn a_diff_of_revisions_shows_files_of_every_host_by_path() {
    let home = Home::new();
    let repository = two(&home);
    repository.commit(&TWO.replace("\"one\"", "\"two\""));
    let said = at(&home, &repository, "diff HEAD~1 HEAD").ok();
    assert_eq!(
        said.stdout,
        "diff a/etc/motd b/etc/motd\n--- a/etc/motd\n+++ b/etc/motd\n@@ -1 +1 @@\n-one\n+two\n"
    );
    repository.write("src/main.c", "int main(void) { return 1; }\n");
    repository.commit_all("another exit code");
    let stat = at(
        &home,
        &repository,
        "diff HEAD~1 HEAD --stat --objects --exit-code",
    );
    assert_eq!(stat.code, Some(1), "{stat:?}");
    let text = &stat.stdout;
    assert!(
        text.starts_with("host db-1\n~ opt/shop | +1 -1\nhost web-1\n~ opt/shop"),
        "{text}"
    );
    assert!(
        text.contains("~ source src (") && text.contains("~ step shop ("),
        "{text}"
    );
    let same = at(&home, &repository, "diff HEAD HEAD --objects --exit-code").ok();
    assert_eq!(same.stdout, "");
    let one = at(&home, &repository, "diff HEAD~2 HEAD --host db-1 --json")
        .ok()
        .json();
    assert_eq!(one["files"].as_array().unwrap().len(), 1);
    assert_eq!(one["files"][0]["host"], "db-1");
}

#[test]
fn generations_are_asked_of_the_agent_and_one_beside_a_revision_stands_for_its_commit() {
    let home = Home::new();
    let repository = two(&home);
    let remote = format!(
        "[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n",
        repository.path
    );
    let needless = TWO.replace(", needs = [\"/usr/sbin/nginx\"]", "");
    repository.commit(&needless);
    let agent = Agent::start(&home, &remote);
    agent.built(1);
    repository.write("static/index.html", "<p>\n");
    repository.commit(&needless.replace("\"opt/shop\": shop", "\"srv\": source(\"static\")"));
    agent.built(2);
    let graph = agent.kiln(&["graph", "1"]).ok();
    assert_eq!(
        graph.stdout,
        "tree    web-1  <- shop\nstep    shop  <- src\nsource  src\n"
    );
    let diff = agent
        .kiln(&["diff", "previous", "current", "--objects"])
        .ok();
    let text = &diff.stdout;
    assert!(text.contains("--- a/opt/shop\n+++ /dev/null\n"), "{text}");
    assert!(
        text.contains("+++ b/srv/index.html\n@@ -0,0 +1 @@\n+<p>\n"),
        "{text}"
    );
    assert!(text.contains("- step shop ("), "{text}");
    let same = agent.kiln(&["diff", "2", "latest", "--exit-code"]).ok();
    assert_eq!(same.stdout, "");
    let repo = repository.path.to_str().unwrap();
    let mixed = agent.kiln(&["diff", "1", "HEAD", "--repo", repo]).ok();
    assert!(mixed.stdout.contains("+++ b/srv/index.html\n"), "{mixed:?}");
    let none = agent.kiln(&["graph", "7"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    repository.commit("this is no program");
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 3));
    let failed = agent.kiln(&["graph", "latest"]);
    assert!(
        failed.stderr.contains("its evaluation did not succeed"),
        "{failed:?}"
    );
}
