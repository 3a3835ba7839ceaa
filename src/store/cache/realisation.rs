//! A realisation in a cache: "the output of this key is that object", signed.
//! One file per output, in Nix's form: `realisations/sha256:<hex>!<out>.doi`.
//! It is a claim: it counts only when a trusted key signed it.

use super::super::{RealisationKey, StorePath};
use super::signature::{PublicKey, SecretKey, Signature, is_trusted};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a text that is read.
pub const REALISATION_MAX: u64 = 64 << 10;

/// What is wrong with a realisation's text.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRealisation {
    #[error("it is not read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is for {found:?}, not for {wanted:?}")]
    Other { found: String, wanted: String },
    #[error("{0}")]
    Value(String),
}

/// "The output `output` of `key` is `path`."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realisation {
    pub key: RealisationKey,
    pub output: String,
    pub path: StorePath,
    pub signatures: BTreeSet<Signature>,
}

/// As Nix writes it, keys in order, nothing between.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    /// Nix's, for derivations that depend on content-addressed ones; kiln's
    /// keys have all of that in them already.
    #[serde(default)]
    dependent_realisations: BTreeMap<String, String>,
    id: String,
    out_path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signatures: Option<Vec<String>>,
}

impl Realisation {
    /// A realisation nobody has signed yet.
    pub fn new(key: RealisationKey, output: impl Into<String>, path: StorePath) -> Self {
        Realisation {
            key,
            output: output.into(),
            path,
            signatures: BTreeSet::new(),
        }
    }

    /// Its file in a cache.
    pub fn file(key: RealisationKey, output: &str) -> String {
        format!("realisations/{}.doi", id(key, output))
    }

    /// What is signed: the text without signatures.
    pub fn fingerprint(&self) -> String {
        self.json(None)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut signatures: Vec<String> = self.signatures.iter().map(ToString::to_string).collect();
        signatures.sort();
        self.json(Some(signatures))
    }

    /// Adds the signature of `key`.
    pub fn sign(&mut self, key: &SecretKey) {
        self.signatures.insert(key.sign(&self.fingerprint()));
    }

    /// Whether one of `keys` signed it.
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        is_trusted(keys, &self.fingerprint(), &self.signatures)
    }

    /// Reads the realisation of an output of `key`.
    ///
    /// # Errors
    /// When it is none, or of something else.
    pub fn read(
        json: &[u8],
        key: RealisationKey,
        output: &str,
    ) -> Result<Self, InvalidRealisation> {
        let text: Text = serde_json::from_slice(json)?;
        let wanted = id(key, output);
        if text.id != wanted {
            let found = text.id.chars().take(200).collect();
            return Err(InvalidRealisation::Other { found, wanted });
        }
        if !text.dependent_realisations.is_empty() {
            let why = "it depends on other realisations: it is none of kiln's";
            return Err(InvalidRealisation::Value(why.into()));
        }
        let path = StorePath::from_base_name(&text.out_path);
        let path = path.map_err(|e| InvalidRealisation::Value(e.to_string()))?;
        let signatures = text.signatures.unwrap_or_default();
        let signatures = signatures.iter().map(|signature| signature.parse());
        let signatures: Result<_, super::InvalidKey> = signatures.collect();
        let signatures = signatures.map_err(|e| InvalidRealisation::Value(e.to_string()))?;
        Ok(Realisation {
            signatures,
            ..Realisation::new(key, output, path)
        })
    }

    fn json(&self, signatures: Option<Vec<String>>) -> String {
        let text = Text {
            dependent_realisations: BTreeMap::new(),
            id: id(self.key, &self.output),
            out_path: self.path.base_name(),
            signatures,
        };
        // Texts and maps of texts: nothing in it can fail to be written.
        serde_json::to_string(&text).unwrap_or_default()
    }
}

fn id(key: RealisationKey, output: &str) -> String {
    format!("sha256:{key}!{output}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "test-1:NzABO7zCD3YEXal3RJsGTD6IiP0S1kwPwkHSbkEpY2m0r+RNQql5ErkeKE4llc/49ojm5/pCban/JiGYYS31tA==";

    fn example() -> Realisation {
        let path = StorePath::from_base_name("ic12m01xcps48s0kj7hwrrxg9b7pqsdh-shop").unwrap();
        let mut realisation = Realisation::new(RealisationKey([0x8e; 32]), "out", path);
        realisation.sign(&SECRET.parse().unwrap());
        realisation
    }

    #[test]
    fn the_text_is_the_one_in_formats_md() {
        let realisation = example();
        let key = "8e".repeat(32);
        assert_eq!(
            Realisation::file(realisation.key, "out"),
            format!("realisations/sha256:{key}!out.doi")
        );
        assert_eq!(
            realisation.fingerprint(),
            format!(
                "{{\"dependentRealisations\":{{}},\"id\":\"sha256:{key}!out\",\"outPath\":\"ic12m01xcps48s0kj7hwrrxg9b7pqsdh-shop\"}}"
            )
        );
        let signature = "test-1:0MC4ENOFGv5e8iIQXzK3O2CqzA6fumY+BqMCiy0WftvwLoJpfZxRWpfPgYnvKwWdAHGXXNqu7hWlKspOeUBFBg==";
        assert_eq!(
            realisation.text(),
            format!(
                "{},\"signatures\":[\"{signature}\"]}}",
                realisation.fingerprint().trim_end_matches('}')
            )
        );
    }

    #[test]
    fn a_changed_one_is_not_signed_and_one_of_another_key_is_not_read() {
        let (good, trusted) = (example(), SECRET.parse::<SecretKey>().unwrap().public());
        let keys = [trusted];
        let read = |text: &str, output| Realisation::read(text.as_bytes(), good.key, output);
        let again = read(&good.text(), "out").unwrap();
        assert!(again == good && again.is_signed_by(&keys) && !again.is_signed_by(&[]));
        let changed = read(&good.text().replace("-shop", "-shot"), "out").unwrap();
        assert!(!changed.is_signed_by(&keys));
        assert!(matches!(
            read(&good.text(), "dev"),
            Err(InvalidRealisation::Other { .. })
        ));
        assert!(read("{}", "out").is_err());
    }
}
