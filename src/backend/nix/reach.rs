//! Whether the hosts that Nix is told to use answer: asked once, at a start, so
//! that somebody is told before a build needs them.

use super::NixConfig;
use super::messages::Message;
use super::program::{Program, cache_url};
use crate::process::End;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Of one question; a host that takes longer is of little use.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// Asked at the same time.
const AT_ONCE: usize = 4;
/// Builders of a `machines` file that are asked.
const MAX_BUILDERS: usize = 100;

/// A host or a binary cache, and what asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Store {
    /// For people: the word of the configuration.
    what: &'static str,
    /// As it is written there.
    name: String,
    url: String,
}

/// One sentence for each builder and substituter of the configuration that does
/// not answer. It takes 15 s for four of them at most; a cancelled one says
/// nothing.
pub async fn unreachable(config: &NixConfig, cancel: &CancellationToken) -> Vec<String> {
    let (mut left, mut said) = (stores(config).await, Vec::new());
    left.stores.reverse();
    let mut asked: JoinSet<Option<String>> = JoinSet::new();
    loop {
        while asked.len() < AT_ONCE
            && let Some(store) = left.stores.pop()
        {
            let (config, cancel) = (config.clone(), cancel.clone());
            asked.spawn(async move { ask(&config, &store, &cancel).await });
        }
        match asked.join_next().await {
            Some(Ok(answer)) => said.extend(answer),
            Some(Err(error)) => tracing::error!(%error, "whether a host answers is not known"),
            None => break,
        }
    }
    said.sort();
    said.extend(left.unread);
    said
}

/// What is to be asked, and files that could not be read.
#[derive(Debug, Default)]
struct Stores {
    stores: Vec<Store>,
    unread: Vec<String>,
}

async fn stores(config: &NixConfig) -> Stores {
    let caches = config.substituters.iter().map(|url| Store {
        what: "substituter",
        name: url.clone(),
        url: cache_url(url),
    });
    let mut stores = Stores {
        stores: caches.collect(),
        unread: Vec::new(),
    };
    for builder in &config.builders {
        match builder.strip_prefix('@') {
            None => stores.stores.extend(of_builder(builder)),
            Some(file) => match tokio::fs::read_to_string(file).await {
                Ok(text) => {
                    let lines = text.lines().filter_map(of_builder);
                    stores.stores.extend(lines.take(MAX_BUILDERS));
                }
                Err(error) => stores.unread.push(format!(
                    "the builders of {} are not known: {error}",
                    Path::new(file).display()
                )),
            },
        }
    }
    stores
}

/// A line of Nix's `machines` file: host or URL, systems, ssh key, and more.
fn of_builder(line: &str) -> Option<Store> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let host = words.next()?;
    let key = words.nth(1).filter(|key| *key != "-");
    let mut url = match host.contains("://") || host.starts_with('/') {
        true => host.to_owned(),
        false => format!("ssh://{host}"),
    };
    if let Some(key) = key {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("ssh-key={key}"));
    }
    Some(Store {
        what: "builder",
        name: host.to_owned(),
        url,
    })
}

/// Why it does not answer.
async fn ask(config: &NixConfig, store: &Store, cancel: &CancellationToken) -> Option<String> {
    let Store { what, name, url } = store;
    let mut why = String::new();
    let program = Program::new(config, "nix")
        .args(["store", "ping", "--store", url])
        .option("download-attempts", "1")
        .option("connect-timeout", "10")
        .timeout(PATIENCE);
    let ran = program.run(cancel, |message| {
        if let Message::Error { message, .. } = message {
            why = message;
        }
    });
    let why = match ran.await.map(|ran| ran.end) {
        Ok(End::Exited(status)) if status.success() => return None,
        Ok(End::Cancelled) => return None,
        Ok(End::Exited(status)) if why.is_empty() => format!("nix ended with {status}"),
        Ok(End::Exited(_)) => why.split_whitespace().collect::<Vec<_>>().join(" "),
        Ok(End::TimedOut | End::Silent) => format!("no answer in {} s", PATIENCE.as_secs()),
        Ok(End::TooMuchOutput) => "it says too much".to_owned(),
        Ok(End::Stuck { pid }) => format!("process {pid} that asks it does not end"),
        Err(error) => error.to_string(),
    };
    let why: String = why.chars().take(300).collect();
    Some(format!("the {what} {name} of [nix] does not answer: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(line: &str) -> Option<String> {
        of_builder(line).map(|store| store.url)
    }

    #[test]
    fn a_builder_is_asked_as_nix_would_reach_it() {
        for (line, expected) in [
            ("b1 x86_64-linux", Some("ssh://b1")),
            (
                "ssh-ng://me@b1 x86_64-linux /etc/key 4",
                Some("ssh-ng://me@b1?ssh-key=/etc/key"),
            ),
            (
                "ssh://b1?compress=true - /k",
                Some("ssh://b1?compress=true&ssh-key=/k"),
            ),
            ("b1 x86_64-linux - 8", Some("ssh://b1")),
            ("  # a comment", None),
            ("", None),
        ] {
            assert_eq!(url(line).as_deref(), expected, "{line:?}");
        }
    }
}
