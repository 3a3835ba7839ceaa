//! What Nix answers about an attribute, and what of it is a derivation.

use super::Evaluation;
use crate::backend::Source;
use crate::backend::nix::attribute::shown;
use crate::backend::nix::expression::Answer;
use crate::backend::nix::{NixConfig, NixKind, diagnose};
use crate::model::{Evaluated, Failure, HostName, NixInputs};
use std::path::Path;

/// Names that are listed when the one asked for is not among them.
const SHOWN: usize = 30;

impl Evaluation<'_> {
    pub(super) fn parsed(&self, answer: &str) -> Result<Answer, Failure> {
        serde_json::from_str(answer).map_err(|error| Failure {
            log_tail: diagnose::tail(answer),
            ..Failure::certain(format!("Nix answers what is no derivation: {error}"))
        })
    }

    pub(super) fn read(&self, answer: Answer) -> Result<Evaluated, Failure> {
        let what = path_of(&self.config.attribute.names(&self.request.host));
        match answer {
            Answer::Found { drv, .. } if !is_store_path(&drv) || !drv.ends_with(".drv") => {
                let message = format!("{what} has the drvPath {drv:?}, which Nix did not make");
                Err(Failure::certain(diagnose::brief(&message)))
            }
            Answer::Found { drv, out, machine } => Ok(Evaluated {
                // A content-addressed output has a placeholder before it is built.
                out_path: is_beside(&out, &drv).then_some(out),
                machine_id: machine_id(machine)?,
                drv_path: drv,
                secrets: Vec::new(),
                nix: Some(Box::new(
                    self.config.inputs(&self.request.source, &self.request.host),
                )),
                record: None,
            }),
            other => Err(self.refused(other, &self.config.attribute.names(&self.request.host))),
        }
    }

    /// Why an answer is of no use.
    pub(super) fn refused(&self, answer: Answer, names: &[String]) -> Failure {
        let what = path_of(names);
        match answer {
            Answer::Missing { missing, known, depth } => self.undeclared(names, &missing, &known, depth),
            Answer::Wrong { wrong, of } if of.is_empty() => Failure::certain(format!(
                "{what} is a {wrong}, and neither a derivation nor a NixOS, nix-darwin or home-manager configuration"
            ))
            .hint("name another in `[backend] attribute`"),
            Answer::Wrong { wrong, of } => Failure::certain(format!(
                "{what}.{of} is a {wrong}, and no derivation"
            ))
            .hint("a configuration's own is what its module system makes; one written by hand must be a derivation, not its path"),
            Answer::Found { .. } | Answer::Names { .. } => {
                Failure::certain(format!("Nix answers another question about {what}"))
            }
        }
    }

    /// The name that is missing is the configuration's or the command's own.
    fn undeclared(
        &self,
        names: &[String],
        missing: &str,
        known: &[String],
        depth: usize,
    ) -> Failure {
        let from_top = depth + usize::from(self.config.kind == NixKind::Flake);
        let within: Vec<_> = names
            .iter()
            .take(from_top)
            .map(|name| shown(name))
            .collect();
        let within = match within.as_slice() {
            [] => self.config.file.clone(),
            within => within.join("."),
        };
        let has = match known.len() {
            0 => "it has none".to_owned(),
            1..=SHOWN => format!("it has: {}", known.join(", ")),
            n => format!(
                "it has: {} and {} more",
                known[..SHOWN].join(", "),
                n - SHOWN
            ),
        };
        let message = format!("{within} has no {}; {has}", shown(missing));
        let hint = "declare it, or choose another name: `kiln dev --host NAME`, for the agent `host = \"NAME\"` or `[backend] attribute` in kiln.toml";
        Failure {
            usage: true,
            ..Failure::certain(diagnose::brief(&message)).hint(hint)
        }
    }
}

impl NixConfig {
    /// What decides an evaluation beside commit, host and kind.
    pub(in crate::backend::nix) fn inputs(&self, source: &Source, host: &HostName) -> NixInputs {
        NixInputs {
            subdir: source.subdir.clone(),
            attribute: path_of(&self.attribute.names(host)),
            submodules: self.submodules,
            file: match self.kind {
                NixKind::Flake => None,
                NixKind::Plain => Some(self.file.clone()),
            },
        }
    }
}

/// An attribute, as a person would write it.
pub(in crate::backend::nix) fn path_of(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().map(|name| shown(name)).collect();
    shown.join(".")
}

/// A path such as `/nix/store/<32 characters>-<name>`, in whatever folder: what a
/// repository calls a derivation may say anything.
pub(in crate::backend::nix) fn is_store_path(text: &str) -> bool {
    let Some((folder, name)) = text.rsplit_once('/') else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte);
    let is_named = name.len() > 33 && name.as_bytes()[32] == b'-' && name.bytes().all(plain);
    let leads_away = |part: &str| part == "." || part == "..";
    let is_folder = folder.starts_with('/')
        && !folder.contains(|c: char| c.is_control())
        && !folder.split('/').any(leads_away);
    is_named && is_folder
}

fn is_beside(out: &str, drv: &str) -> bool {
    is_store_path(out) && Path::new(out).parent() == Path::new(drv).parent()
}

fn machine_id(value: serde_json::Value) -> Result<Option<String>, Failure> {
    match value {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(id) => Ok(Some(id.trim().to_owned()).filter(|id| !id.is_empty())),
        _ => Err(Failure::certain("the configuration's machineId is no text")
            .hint("write services.kiln.machineId = \"...\", as in /etc/machine-id")),
    }
}
