//! `[[caches]]`: the binary caches that are asked before anything is built.

use super::error::Problem;
use super::reader::Section;
use crate::store::cache::{Location, PublicKey};

/// One of `[[caches]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// A folder or a server.
    pub url: Location,
    /// Whose signatures are believed.
    pub public_keys: Vec<PublicKey>,
}

/// The caches, in the order they are asked.
pub(super) fn read(top: &Section<'_>) -> Result<Vec<Cache>, Problem> {
    let sections = top.items("caches", &["url", "public_keys"])?;
    sections.iter().map(one).collect()
}

fn one(section: &Section<'_>) -> Result<Cache, Problem> {
    let location = |text: &str| text.parse::<Location>().map_err(|e| e.to_string());
    let key = |text: &String| text.parse::<PublicKey>();
    let keys = section.texts("public_keys", &[])?;
    let keys = keys.iter().map(key).collect::<Result<_, _>>();
    Ok(Cache {
        url: section.text_as("url", "", location)?,
        public_keys: keys.map_err(|e| section.problem("public_keys", &e.to_string()))?,
    })
}
