use super::*;
use crate::config::{BackendChoice, parse};
use crate::model::{BackendKind, Confirmation};
use std::time::Duration;

/// What comin's NixOS module writes.
const OF_THE_MODULE: &str = r#"
build_confirmer:
  autoconfirm_duration: 90
  mode: auto
deploy_confirmer:
  autoconfirm_duration: 120
  mode: manual
exporter:
  listen_address: ''
  port: 4243
gpg_public_key_paths:
- /etc/keys/alice.asc
hostname: web-1
post_deployment_command: /run/post
remotes:
- auth:
    access_token_path: /run/secrets/token
    username: comin
  branches:
    main:
      name: main
      operation: boot
    testing:
      name: testing-web-1
      operation: test
  name: origin
  poller:
    period: 60
  timeout: 300
  url: https://example.org/infra.git
- auth:
    access_token_path: ''
    username: comin
  branches:
    main:
      name: main
      operation: switch
    testing:
      name: ''
      operation: test
  name: local
  poller:
    period: 0
  timeout: 0
  url: /srv/infra
repository_subdir: hosts
repository_type: flake
retention:
  deployment_any_capacity: 5
  deployment_boot_entry_capacity: 3
  deployment_successful_capacity: 4
state_dir: /var/lib/comin
submodules: true
system_attr: null
"#;

fn imported(text: &str) -> Imported {
    import(text, "comin.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn note<'a>(imported: &'a Imported, key: &str) -> &'a Note {
    let found = imported.notes.iter().find(|note| note.key == key);
    found.unwrap_or_else(|| panic!("{key} is not said: {:?}", imported.notes))
}

#[test]
fn what_the_nixos_module_writes_becomes_a_configuration_that_is_taken() {
    let imported = imported(OF_THE_MODULE);
    assert_eq!(imported.problem, None, "{}", imported.text);
    let config = parse(&imported.text, "kiln.toml").unwrap();
    assert_eq!(config.host.as_str(), "web-1");
    let kind = BackendChoice::Always(BackendKind::NixFlake);
    assert_eq!(
        (config.backend.kind, config.backend.attribute),
        (kind, None)
    );
    assert_eq!(config.repository.subdir, "hosts");
    assert!(config.repository.submodules);
    let confirm = Confirmation::Auto(Duration::from_secs(90));
    assert_eq!(
        (config.builder.confirm, config.retention.built),
        (confirm, 4)
    );
    assert!(!config.nix.accept_flake_config);
    assert_eq!(config.builder.eval_memory, None, "Nix has 8GiB then");
    let [origin, local] = config.remotes.as_slice() else {
        panic!("{:?}", config.remotes);
    };
    assert_eq!(origin.url, "https://example.org/infra.git");
    assert_eq!(origin.testing.as_ref().unwrap().as_str(), "testing-web-1");
    assert_eq!(origin.poll_interval, Duration::from_secs(60));
    let auth = origin.auth.as_ref().unwrap();
    assert_eq!(auth.username, "comin");
    assert_eq!(auth.token_file.to_str(), Some("/run/secrets/token"));
    assert_eq!(
        (local.url.as_str(), &local.testing, &local.auth),
        ("/srv/infra", &None, &None)
    );
    assert_eq!(local.poll_interval, Duration::ZERO, "it was not polled");
    assert_eq!(local.timeout, Duration::from_secs(300), "comin's default");
    assert!(
        imported
            .text
            .contains("# command = [\"/etc/kiln/hooks/apply-nixos\", \"boot\", \"test\"]")
    );
    assert!(imported.text.contains("# command = [\"/run/post\"]"));
}

#[test]
fn every_key_without_a_counterpart_is_said_with_its_line_and_what_made_the_host_safer_loudly() {
    let imported = imported(OF_THE_MODULE);
    for key in [
        "exporter",
        "post_deployment_command",
        "state_dir",
        "retention.deployment_any_capacity",
        "retention.deployment_boot_entry_capacity",
        "remotes[1].branches",
    ] {
        assert!(!note(&imported, key).is_loss, "{key}");
    }
    assert_eq!(note(&imported, "state_dir").line, 52);
    for key in ["gpg_public_key_paths", "deploy_confirmer.mode"] {
        assert!(note(&imported, key).is_loss, "{key}");
        let said = format!("# ATTENTION: line {}, {key}: ", note(&imported, key).line);
        assert!(imported.text.contains(&said), "{}", imported.text);
    }
}

/// All keys of a map and of the maps in it, from the top.
fn keys(path: &str, value: &yaml::Value, found: &mut Vec<String>) {
    match value {
        yaml::Value::Nothing | yaml::Value::Scalar(_) => found.push(path.to_owned()),
        yaml::Value::List(items) => {
            for (number, item) in items.iter().enumerate() {
                keys(&format!("{path}[{number}]"), &item.value, found);
            }
        }
        yaml::Value::Map(entries) => {
            for entry in entries {
                let dot = if path.is_empty() { "" } else { "." };
                keys(
                    &format!("{path}{dot}{}", entry.key),
                    &entry.node.value,
                    found,
                );
            }
        }
    }
}

#[test]
fn keys_nobody_knows_are_said_and_never_dropped() {
    let text = "hostname: a\nrepository_type: nix\nsystem_attr: hosts.a\nhostnam: b\npoller: {period: 3}\n\
                remotes:\n- name: o\n  url: /srv/x\n  type: local\n  allow_force_push: true\n  auth: {ssh_key: k}\n  \
                poller: {jitter: 1}\n  branches: {main: {name: m, x: 1}, third: {}}\n\
                grpc: {port: 1}\nexporter: {tls: 1}\napi_server: {a: 1}\nretention: {x: 1}\nbuild_confirmer: {y: 1}\n";
    let imported = imported(text);
    assert_eq!(imported.problem, None, "{}", imported.text);
    for key in [
        "hostnam",
        "poller",
        "remotes[0].type",
        "remotes[0].allow_force_push",
        "remotes[0].auth.ssh_key",
        "remotes[0].poller.jitter",
        "remotes[0].branches.main.x",
        "remotes[0].branches.third",
        "grpc.port",
        "exporter.tls",
        "api_server.a",
        "retention.x",
        "build_confirmer.y",
    ] {
        let note = note(&imported, key);
        assert!(note.message.starts_with("unknown here"), "{}", note.message);
        assert!(
            imported
                .text
                .contains(&format!("line {}, {key}: ", note.line))
        );
    }
    let config = parse(&imported.text, "kiln.toml").unwrap();
    let names = config.backend.attribute.unwrap().names(&config.host);
    assert_eq!(names, ["hosts", "a"]);
}

#[test]
fn of_an_unknown_key_added_anywhere_a_note_says_so() {
    // Whatever the translation forgets to ask for is left over by construction.
    let mut found = Vec::new();
    keys("", &yaml::read(OF_THE_MODULE).unwrap().value, &mut found);
    assert!(found.len() > 25, "{found:?}");
    for line in 1..OF_THE_MODULE.lines().count() {
        let mut lines: Vec<&str> = OF_THE_MODULE.lines().collect();
        let indent = lines[line].len() - lines[line].trim_start_matches([' ', '-']).len();
        let added = format!("{}brand_new: 1", " ".repeat(indent));
        if lines[line].trim_start().starts_with("- /") {
            continue; // a list of texts takes no key
        }
        lines.insert(line + 1, &added);
        if lines[line].trim_end().ends_with(':') {
            continue; // it would change what the line before it holds
        }
        let imported = imported(&lines.join("\n"));
        let said = |note: &Note| note.key.ends_with("brand_new") && note.line == line + 2;
        assert!(imported.notes.iter().any(said), "after {:?}", lines[line]);
    }
}

#[test]
fn no_secret_is_repeated() {
    let text = "repository_type: flake\nhostname: a\nremotes:\n- name: o\n  url: https://me:hunter2@example.org/x\n  \
                auth: {accesstoken: hunter3, access_token_path: ./token}\n";
    let imported = imported(text);
    assert_eq!(imported.problem, None);
    let everything = format!("{imported:?}");
    assert!(!everything.contains("hunter"), "{everything}");
    assert!(imported.text.contains("url = \"https://me@example.org/x\""));
    for key in ["url", "auth.accesstoken", "auth.access_token_path"] {
        note(&imported, &format!("remotes[0].{key}"));
    }
}

#[test]
fn what_is_of_the_wrong_kind_is_refused_at_its_place() {
    for (text, error) in [
        ("[]", "comin.yaml:1:1: the file must be a map, it is a list"),
        (
            "hostname: [a]",
            "comin.yaml:1:11: hostname: expected a text, found a list",
        ),
        (
            "remotes: 1",
            "comin.yaml:1:10: remotes: expected a list, found a text",
        ),
        (
            "remotes:\n- a",
            "comin.yaml:2:3: remotes[0] must be a map, it is a text",
        ),
        (
            "remotes:\n- timeout: -1",
            "comin.yaml:2:3: remotes[0].timeout: expected a number that is not negative, found \"-1\"",
        ),
        (
            "submodules: maybe",
            "comin.yaml:1:1: submodules: expected true or false, found \"maybe\"",
        ),
        (
            "repository_type: hg",
            "comin.yaml:1:1: repository_type: \"hg\" is neither flake nor nix",
        ),
        (
            "remotes:\n- branches: {main: {operation: reboot}}",
            "comin.yaml:2:21: remotes[0].branches.main.operation: it is none of switch, test, boot",
        ),
    ] {
        assert_eq!(import(text, "comin.yaml").unwrap_err().to_string(), error);
    }
}

#[test]
fn a_remote_that_kiln_cannot_fetch_from_is_translated_and_said_to_be_wrong() {
    let text = "hostname: a\nrepository_type: flake\nremotes:\n- {name: o, url: 'ftp://h/x'}\n";
    let imported = imported(text);
    let problem = imported.problem.unwrap();
    assert!(problem.contains("ftp:// is not supported"), "{problem}");
    assert!(imported.text.contains("url = \"ftp://h/x\""));
}

proptest::proptest! {
    #[test]
    fn no_value_leaves_its_place_in_what_is_written(value in "\\PC{0,30}", key in 0..6usize) {
        let value = serde_json::Value::String(value);
        let key = ["hostname", "repository_subdir", "post_deployment_command", "system_attr", "x", "state_dir"][key];
        let text = format!("{key}: {value}\nrepository_type: nix\nremotes:\n- {{name: o, url: /x}}\n");
        if let Ok(imported) = import(&text, "f") {
            // Whatever it holds, it is TOML with the keys of a translation.
            let table: toml::Table = imported.text.parse().unwrap();
            let known = ["host", "repository", "backend", "builder", "nix", "retention", "remotes"];
            proptest::prop_assert!(table.keys().all(|key| known.contains(&key.as_str())));
        }
    }

    #[test]
    fn no_key_leaves_the_comment_that_names_it(key in "[\\PC\\n\"\\\\]{1,20}") {
        let key = serde_json::Value::String(key);
        let text = format!("repository_type: nix\nremotes:\n- {{name: o, url: /x, {key}: 1}}\n");
        if let Ok(imported) = import(&text, "f") {
            proptest::prop_assert_eq!(imported.problem, None);
        }
    }
}
