//! Versioned records: every one on disk, file or index, says which version of
//! its format it is. An older one is brought forward when it is read; a newer
//! one is refused and not touched.

use super::StateError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Brings a record from one version to the next.
pub(super) type Migration = fn(&mut Value);

/// The one at `n` makes version `n + 2` of version `n + 1`. Never changed, only
/// added to: `tests/fixtures/` holds records of every version.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// Raised when the meaning of a stored record changes, by adding a migration.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are never that many migrations"
)]
pub const RECORD_VERSION: u32 = MIGRATIONS.len() as u32 + 1;

#[derive(Serialize)]
struct Record<T> {
    version: u32,
    #[serde(flatten)]
    value: T,
}

/// What is known of a record before it is understood.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The bytes of `value` as a versioned record, for people too.
///
/// # Errors
/// When `value` has no JSON form.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StateError> {
    let version = RECORD_VERSION;
    let record = Record { version, value };
    let mut bytes = serde_json::to_vec_pretty(&record).map_err(StateError::Encode)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The same on one line, for the index.
pub(super) fn encode_compact<T: Serialize>(value: &T) -> Result<Vec<u8>, StateError> {
    let version = RECORD_VERSION;
    serde_json::to_vec(&Record { version, value }).map_err(StateError::Encode)
}

/// The value of a versioned record; `what` names it in errors.
///
/// # Errors
/// When it is damaged, or was written by a newer kiln.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &Path) -> Result<T, StateError> {
    decode_with(bytes, what, MIGRATIONS)
}

fn decode_with<T: DeserializeOwned>(
    bytes: &[u8],
    what: &Path,
    migrations: &[Migration],
) -> Result<T, StateError> {
    let damaged = |source| StateError::Damaged {
        path: what.into(),
        source,
    };
    let Version { version } = serde_json::from_slice(bytes).map_err(damaged)?;
    let missing = missing(version, what, migrations)?;
    if missing.is_empty() {
        // The version is one more key of the value's object: it is passed over.
        return serde_json::from_slice(bytes).map_err(damaged);
    }
    let mut value = serde_json::from_slice(bytes).map_err(damaged)?;
    for migration in missing {
        migration(&mut value);
    }
    serde_json::from_value(value).map_err(damaged)
}

/// What a record of this version has not been through.
pub(super) fn missing<'m, T>(
    version: u32,
    what: &Path,
    migrations: &'m [T],
) -> Result<&'m [T], StateError> {
    let done = usize::try_from(version).ok().and_then(|v| v.checked_sub(1));
    let missing = done.and_then(|done| migrations.get(done..));
    missing.ok_or_else(|| match version {
        0 => StateError::Unexpected {
            path: what.into(),
            message: "is of version 0, which no kiln ever wrote".into(),
        },
        found => StateError::Newer {
            path: what.into(),
            found,
            known: u32::try_from(migrations.len()).unwrap_or(u32::MAX) + 1,
        },
    })
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
