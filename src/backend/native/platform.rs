//! Whose tools a step sees. Part of the identity of steps that see any: equal
//! platforms share results, so that a fleet builds once.

use sha2::{Digest, Sha256};
use std::fs;

/// How the platform's name is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// System and os-release's ID-VERSION_ID.
    Auto,
    /// The same with a digest of the package database.
    Packages,
    /// What an operator calls it.
    Named(String),
}

/// This machine's system, as Nix names it: `x86_64-linux`.
pub fn system() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

impl Platform {
    /// The platform's name on this host.
    pub fn name(&self) -> String {
        match self {
            Platform::Named(name) => name.clone(),
            Platform::Auto => auto(&os_release()),
            Platform::Packages => format!("{}-{}", auto(&os_release()), packages()),
        }
    }
}

fn os_release() -> String {
    ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap_or_default()
}

fn auto(os_release: &str) -> String {
    let field = |name: &str| {
        let value = os_release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| value.trim_matches(['"', '\'']).to_owned())
    };
    let id = field("ID").unwrap_or_else(|| "linux".into());
    match field("VERSION_ID") {
        Some(version) => format!("{}-{id}-{version}", system()),
        None => format!("{}-{id}", system()), // a rolling release
    }
}

/// A digest of whatever package databases there are; an upgrade changes it.
fn packages() -> String {
    let databases = [
        "/var/lib/dpkg/status",
        "/var/lib/rpm/rpmdb.sqlite",
        "/lib/apk/db/installed",
    ];
    let mut digest = Sha256::new();
    for path in databases {
        if let Ok(bytes) = fs::read(path) {
            digest.update(bytes);
        }
    }
    let digest = digest.finalize();
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_of_one_release_shares_its_platform() {
        let debian = "PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n";
        assert_eq!(auto(debian), format!("{}-debian-12", system()));
        assert_eq!(auto("ID=arch\n"), format!("{}-arch", system()));
        assert_eq!(auto(""), format!("{}-linux", system()));
    }
}
