//! Records that are none: a host that may evaluate does, and says why.

use crate::fleet::*;
use crate::support::*;
use std::path::Path;

/// A commit, what is done to its record, and what the host says of that.
type Wrong = (&'static str, fn(&Fleet, &Path), &'static str);

const WRONGS: [Wrong; 8] = [
    (
        "missing",
        |_, record| std::fs::remove_file(record).unwrap(),
        "it has none",
    ),
    (
        "unsigned",
        |_, record| change(record, |json| json["signatures"] = serde_json::json!([])),
        "no trusted key signed it",
    ),
    (
        "forged",
        |fleet, record| {
            std::fs::remove_file(record).unwrap();
            fleet.publish_to(fleet.cache.to_str().unwrap(), "forged");
        },
        "no trusted key signed it",
    ),
    (
        "changed",
        |_, record| change(record, |json| json["machineId"] = "0123".into()),
        "no trusted key signed it",
    ),
    (
        "replayed",
        |fleet, record| {
            let before = fleet
                .records()
                .into_iter()
                .find(|one| one != record)
                .unwrap();
            std::fs::copy(before, record).unwrap();
        },
        "it is of another evaluation: its commit is",
    ),
    (
        "long",
        |_, record| {
            let text = std::fs::read_to_string(record).unwrap();
            std::fs::write(record, format!("{text}{}", " ".repeat(16 << 10))).unwrap();
        },
        "is longer than the 16384 bytes allowed",
    ),
    (
        "garbage",
        |_, record| std::fs::write(record, [0xff, 0xfe, 0]).unwrap(),
        "is not text",
    ),
    (
        "elsewhere",
        |_, record| {
            change(record, |json| {
                json["outPath"] = "/nix/store/../../etc".into();
            });
        },
        "its outPath is no path in /nix/store",
    ),
];

#[test]
fn f07_a_record_that_does_not_count_is_said_and_the_commit_evaluated() {
    if !has_nix() {
        return;
    }
    let fleet = Fleet::new();
    fleet.commit("good", "");
    fleet.build();
    fleet.publish();
    let agent = fleet.agent(&fleet.asking_folder("prefer"));
    assert_eq!(result(&agent.built(1)), "good\n");
    assert_eq!(fleet.evaluations(), 0);
    for (number, (wrong, harm, why)) in (2..).zip(WRONGS) {
        let before = fleet.evaluations();
        let first = fleet.records();
        agent.kiln(&["suspend", "--reason", "CI is first"]).ok();
        // Made where the host does not look, so that it comes after its record.
        fleet.ci.infra.git(&["checkout", "-q", "-B", "next"]);
        fleet.commit(wrong, "");
        fleet.build();
        let record = fleet.publish();
        assert!(!first.contains(&record), "{wrong}");
        harm(&fleet, &record);
        fleet.ci.infra.git(&["branch", "-q", "-f", "main", "next"]);
        agent.kiln(&["resume"]).ok();
        let built = agent.built(number);
        assert_eq!(result(&built), format!("{wrong}\n"), "{wrong}");
        assert_eq!(built["evaluation"]["record"], "", "{wrong}");
        assert!(fleet.evaluations() > before, "{wrong}");
        let log = agent.kiln(&["log", &number.to_string()]);
        let log = format!("{}{}", log.stdout, log.stderr);
        assert!(log.contains(why), "{wrong}: {log}");
    }
}
