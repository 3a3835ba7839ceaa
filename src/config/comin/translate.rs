//! Every key of comin's but its remotes.

use super::fields::{Fields, Found};
use super::remotes;
use super::yaml::{Node, YamlError, quoted};
use super::{Note, Notes};
use crate::backend::nix::Attribute;

/// What a text of comin's is in TOML.
pub(super) fn toml(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The tables of a `kiln.toml`, as they are written.
#[derive(Default)]
struct Tables {
    top: String,
    repository: String,
    remotes: String,
    backend: String,
    builder: String,
    nix: String,
    retention: String,
    hooks: String,
}

/// The text of a `kiln.toml`, and the notes that are its comments.
pub(super) fn translate(node: Node) -> Result<(String, Vec<Note>), YamlError> {
    let mut top = Fields::of("", node)?;
    let mut notes = Notes::default();
    let mut tables = Tables::default();
    host(&mut top, &mut tables, &mut notes)?;
    repository(&mut top, &mut tables, &mut notes)?;
    let operations = remotes::translate(&mut top, &mut tables.remotes, &mut notes)?;
    builder(&mut top, &mut tables, &mut notes)?;
    retention(&mut top, &mut tables, &mut notes)?;
    hooks(&mut top, &mut tables, &mut notes, &operations)?;
    servers(&mut top, &mut notes)?;
    signatures(&mut top, &mut notes)?;
    notes.unknown(top);
    notes.0.sort_by_key(|note| (!note.is_loss, note.line));
    Ok((tables.text(&notes.0), notes.0))
}

impl Tables {
    fn text(self, notes: &[Note]) -> String {
        let mut text = String::from(
            "# Translated from a configuration of comin by `kiln config import-comin`.\n\
             # What it could not say in kiln's words, by the lines of that file:\n#\n",
        );
        text.extend(notes.iter().map(Note::comment));
        text.push('\n');
        text.push_str(&self.top);
        for (name, keys) in [
            ("repository", self.repository),
            ("backend", self.backend),
            ("builder", self.builder),
            ("nix", self.nix),
            ("retention", self.retention),
        ] {
            if !keys.is_empty() {
                text.push_str(&format!("\n[{name}]\n{keys}"));
            }
        }
        text.push_str(&self.remotes);
        text.push_str(&self.hooks);
        text
    }
}

fn host(top: &mut Fields, tables: &mut Tables, notes: &mut Notes) -> Result<(), YamlError> {
    match top.text("hostname")? {
        Some(found) => tables.top = format!("host = {}\n", toml(&found.value)),
        None => notes.whole(
            "hostname",
            "not set: kiln takes what the kernel calls this host",
        ),
    }
    for key in ["state_dir", "state_filepath"] {
        if let Some(found) = top.text(key)? {
            let message = "kiln keeps a state of its own in /var/lib/kiln and reads nothing of \
                           comin's: the first\nmain commit it builds becomes the baseline; set \
                           [trust] initial_commit to bind it to your history";
            notes.add(found.at, key, message);
        }
    }
    Ok(())
}

fn repository(top: &mut Fields, tables: &mut Tables, notes: &mut Notes) -> Result<(), YamlError> {
    let kind = kind(top, notes)?;
    tables.backend = format!("kind = {}\n", toml(kind));
    notes.whole(
        "memory",
        "comin sets no limit, and kiln gives an evaluation of Nix 8GiB of address space: raise \
         [builder]\neval_memory where yours takes more",
    );
    let older = top.text("flake_subdirectory")?; // until comin 0.8
    if let Some(found) = top.text("repository_subdir")?.or(older) {
        tables.repository = format!("subdir = {}\n", toml(&found.value));
    }
    if top.flag("submodules")?.is_some_and(|found| found.value) {
        tables.repository.push_str("submodules = true\n");
    }
    attribute(top, tables, notes, kind)?;
    notes.whole(
        "machine id",
        "kiln reads services.kiln.machineId of your configuration, and services.comin.machineId \
         where that is not set",
    );
    if kind == "nix-flake" {
        tables.nix = "accept_flake_config = false\n".into();
        notes.whole(
            "accept-flake-config",
            "comin always took the settings a flake asks for (nixConfig); kiln does with \
             [nix] accept_flake_config = true\nonly. Better name the caches in [nix] substituters",
        );
    }
    Ok(())
}

fn kind(top: &mut Fields, notes: &mut Notes) -> Result<&'static str, YamlError> {
    let Some(Found { at, value }) = top.text("repository_type")? else {
        notes.whole("repository_type", "not set: taken for a flake");
        return Ok("nix-flake");
    };
    match value.as_str() {
        "flake" => Ok("nix-flake"),
        "nix" => Ok("nix"),
        other => Err(at.error(format!(
            "repository_type: {} is neither flake nor nix",
            quoted(other)
        ))),
    }
}

fn attribute(
    top: &mut Fields,
    tables: &mut Tables,
    notes: &mut Notes,
    kind: &str,
) -> Result<(), YamlError> {
    let Some(Found { at, value }) = top.text("system_attr")? else {
        if kind == "nix" {
            let message = "not set, which comin refuses: kiln takes nixosConfigurations.\"<host>\"";
            notes.whole("system_attr", message);
        }
        return Ok(());
    };
    match (kind, value.parse::<Attribute>()) {
        ("nix", Ok(_)) => {
            tables
                .backend
                .push_str(&format!("attribute = {}\n", toml(&value)));
            let message =
                "kiln builds its .config.system.build.toplevel, where comin took .toplevel";
            notes.add(at, "system_attr", message);
        }
        ("nix", Err(why)) => {
            let message = format!(
                "{} is no attribute: {why}; set [backend] attribute",
                quoted(&value)
            );
            notes.add(at, "system_attr", message);
        }
        _ => {
            let message = "comin takes it with repository_type nix only: \
                           nixosConfigurations.\"<host>\" is built";
            notes.add(at, "system_attr", message);
        }
    }
    Ok(())
}

fn builder(top: &mut Fields, tables: &mut Tables, notes: &mut Notes) -> Result<(), YamlError> {
    let mut build = top.map("build_confirmer")?;
    let (mode, after) = confirmer(&mut build)?;
    if let Some(Found { at, value }) = mode {
        let word = match value.as_str() {
            "without" => "none",
            "auto" => "auto",
            "manual" => "manual",
            other => {
                let message = format!(
                    "build_confirmer.mode: {} is none of without, auto, manual",
                    quoted(other)
                );
                return Err(at.error(message));
            }
        };
        tables
            .builder
            .push_str(&format!("confirm = {}\n", toml(word)));
        // comin's own default is 0: at once.
        let seconds = after.map_or(0, |found| found.value).max(1);
        if word == "auto" {
            tables
                .builder
                .push_str(&format!("confirm_after = \"{seconds}s\"\n"));
        }
    }
    notes.unknown(build);
    let mut deploy = top.map("deploy_confirmer")?;
    let (mode, _) = confirmer(&mut deploy)?;
    if let Some(found) = mode.filter(|found| found.value != "without") {
        let message = "kiln builds, and hooks apply what is built at once: nothing is confirmed between \
                       them.\nSet [builder] confirm to confirm each build, or `kiln suspend` to hold \
                       builds and hooks back";
        notes.loss(found.at, "deploy_confirmer.mode", message);
    }
    notes.unknown(deploy);
    Ok(())
}

type Confirmer = (Option<Found<String>>, Option<Found<u32>>);

/// The program reads `auto_duration`, the NixOS module writes `autoconfirm_duration`.
fn confirmer(fields: &mut Fields) -> Result<Confirmer, YamlError> {
    let mode = fields.text("mode")?;
    let written = fields.number("autoconfirm_duration")?;
    let after = fields.number("auto_duration")?.or(written);
    Ok((mode, after))
}

fn retention(top: &mut Fields, tables: &mut Tables, notes: &mut Notes) -> Result<(), YamlError> {
    let mut fields = top.map("retention")?;
    if let Some(found) = fields.number("deployment_successful_capacity")? {
        tables.retention = format!("built = {}\n", found.value.max(1));
    }
    for (key, message) in [
        (
            "deployment_boot_entry_capacity",
            "boot entries are NixOS's: set boot.loader.<loader>.configurationLimit, and remove old \
             ones of\nthe profile with nix-env --delete-generations",
        ),
        (
            "deployment_any_capacity",
            "kiln keeps failed generations by a count of their own: [retention] failed",
        ),
    ] {
        if let Some(found) = fields.number(key)? {
            notes.add(found.at, format!("retention.{key}"), message);
        }
    }
    notes.unknown(fields);
    Ok(())
}

fn hooks(
    top: &mut Fields,
    tables: &mut Tables,
    notes: &mut Notes,
    operations: &remotes::Operations,
) -> Result<(), YamlError> {
    let words = [&operations.main, &operations.testing].map(|word| toml(word));
    tables.hooks = format!(
        "\n# kiln builds; this hook of examples/hooks applies what is built, as comin did. Copy it \
         there,\n# let root alone write it, and take the # away.\n\
         # [[hooks]]\n# name = \"apply\"\n# on = [\"built\"]\n\
         # command = [\"/etc/kiln/hooks/apply-nixos\", {}, {}]\n",
        words[0], words[1]
    );
    let Some(found) = top.text("post_deployment_command")? else {
        return Ok(());
    };
    let message = "a hook of kiln's, below as a comment: its command must be written by root alone, and its\n\
                   environment has other names: KILN_COMMIT for COMIN_GIT_SHA, KILN_BRANCH for COMIN_GIT_REF,\n\
                   KILN_HOST for COMIN_HOSTNAME, KILN_GENERATION for COMIN_GENERATION; message, status and\n\
                   error are in the JSON on its standard input";
    notes.add(found.at, "post_deployment_command", message);
    tables.hooks.push_str(&format!(
        "#\n# [[hooks]]\n# name = \"post-deployment\"\n# on = [\"built\", \"failed\"]\n# command = [{}]\n",
        toml(&found.value).replace('\n', "\n# ")
    ));
    Ok(())
}

/// What listens.
fn servers(top: &mut Fields, notes: &mut Notes) -> Result<(), YamlError> {
    for (table, message) in [
        (
            "api_server",
            "kiln is asked over its socket alone: kiln status --json",
        ),
        (
            "exporter",
            "metrics are not in this version of kiln yet; they will be [metrics] listen",
        ),
    ] {
        let mut fields = top.map(table)?;
        let address = fields.text("listen_address")?.map(|found| found.at);
        let port = fields.number("port")?.map(|found| found.at);
        if let Some(at) = address.or(port) {
            notes.add(at, table, message);
        }
        notes.unknown(fields);
    }
    let mut grpc = top.map("grpc")?;
    if let Some(found) = grpc.text("unix_socket_path")? {
        let message = "comin's programs do not speak with kiln: its socket is /run/kiln/kiln.sock, \
                       for members\nof group kiln";
        notes.add(found.at, "grpc.unix_socket_path", message);
    }
    notes.unknown(grpc);
    Ok(())
}

fn signatures(top: &mut Fields, notes: &mut Notes) -> Result<(), YamlError> {
    if let Some(key) = top.list("gpg_public_key_paths")?.first() {
        let message = "signatures are not checked in this version of kiln yet: with this file EVERY \
                       commit is\ntaken that descends from the baseline. Stay with comin until \
                       [trust] openpgp_keys is there,\nif you rely on them";
        notes.loss(key.at, "gpg_public_key_paths", message);
    }
    Ok(())
}
