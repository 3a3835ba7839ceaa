//! Whether the installed Nix knows the settings it is given: asked once, at a
//! start. Nix itself only warns, in the log of whatever it does.

use super::NixConfig;
use super::program::Program;
use super::reach::PATIENCE;
use crate::process::End;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

/// Names that add to a setting.
const EXTRA: &str = "extra-";
/// Bytes of all settings with what they are for: some 100 KiB.
const ANSWER_MAX: usize = 16 << 20;

/// As `nix show-config --json` tells it.
#[derive(Debug, Deserialize)]
struct Setting {
    #[serde(default)]
    aliases: Vec<String>,
}

/// One sentence for each of the configuration's options that Nix does not know;
/// none where it cannot be asked.
pub async fn unknown_options(config: &NixConfig, cancel: &CancellationToken) -> Vec<String> {
    if config.options.is_empty() {
        return Vec::new();
    }
    let Some(known) = known(config, cancel).await else {
        return Vec::new();
    };
    let options = config.options.iter().map(|(name, _)| name.as_str());
    let unknown: BTreeSet<&str> = options
        .filter(|name| !known.contains(name.strip_prefix(EXTRA).unwrap_or(name)))
        .collect();
    let said = unknown.into_iter().map(|name| {
        format!(
            "the installed Nix knows no setting {name}, which stands in [nix] options: `nix show-config` lists what there is"
        )
    });
    said.collect()
}

async fn known(config: &NixConfig, cancel: &CancellationToken) -> Option<BTreeSet<String>> {
    let program = Program::new(config, "nix")
        .args(["show-config", "--json"])
        .answer_limit(ANSWER_MAX)
        .timeout(PATIENCE);
    let ran = program.run(cancel, |_| {}).await.ok()?;
    match ran.end {
        End::Exited(status) if status.success() => {}
        _ => return None,
    }
    let settings: BTreeMap<String, Setting> = serde_json::from_str(&ran.answer).ok()?;
    let names = settings
        .into_iter()
        .flat_map(|(name, setting)| [vec![name], setting.aliases].concat());
    Some(names.collect())
}
