//! The flake evaluates, by a real Nix, and says what it should.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a test starts real programs, and shall panic when it is broken"
)]

use std::io::Write;
use std::process::Command;

fn evaluated() -> Option<serde_json::Value> {
    let result = Command::new("nix-instantiate")
        .args(["--eval", "--strict", "--json", "--store", "dummy://"])
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/flake/evaluate.nix"
        ))
        .output();
    let output = match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            missing("nix-instantiate");
            return None;
        }
        output => output.expect("nix-instantiate can be run"),
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    Some(serde_json::from_slice(&output.stdout).expect("Nix prints JSON"))
}

/// Fails, unless whoever runs the tests has said that programs are missing.
fn missing(program: &str) {
    match std::env::var_os("KILN_TEST_SKIP_MISSING") {
        // Not by eprintln!, which the test runner keeps to itself when a test passes.
        Some(yes) if yes == "1" => {
            writeln!(std::io::stderr(), "SKIPPED: {program} is missing").expect("stderr");
        }
        _ => panic!("{program} is missing: tests/run installs it"),
    }
}

#[test]
fn the_flake_evaluates_to_package_shell_module_and_checks() {
    let Some(flake) = evaluated() else { return };
    assert_eq!(
        flake["systems"],
        serde_json::json!(["aarch64-linux", "x86_64-linux"])
    );
    assert_eq!(flake["package"]["pname"], "kiln");
    assert_eq!(flake["package"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(flake["package"]["lock"], true, "Cargo.lock is found");
    assert_eq!(flake["checks"], serde_json::json!(["module", "package"]));
}

#[test]
fn the_module_runs_the_agent_with_its_settings() {
    let Some(flake) = evaluated() else { return };
    let service = &flake["service"];
    assert_eq!(service["Type"], "notify");
    assert_eq!(
        service["ExecStart"],
        "/nix/store/kiln/bin/kiln agent --config /etc/kiln/kiln.toml"
    );
    assert_eq!(service["StateDirectory"], "kiln");
    assert_eq!(service["RuntimeDirectory"], "kiln");
    assert_eq!(flake["path"], serde_json::json!(["nix", "git", "openssh"]));
    assert_eq!(flake["machineId"], serde_json::Value::Null);
    assert_eq!(flake["hook"], "apply-nixos");
    assert_eq!(flake["groups"], serde_json::json!(["kiln"]));
    assert_eq!(flake["settings"], serde_json::json!({ "host": "web-1" }));
}
