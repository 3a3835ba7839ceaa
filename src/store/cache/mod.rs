//! Binary caches in Nix's format: a folder, or the same behind plain HTTP, that
//! holds archives of objects, what is known of each, and realisations.
//!
//! ```text
//! push:       object ─NAR, zstd─▶ nar/<hash>.nar.zst ─▶ <digest>.narinfo ─▶ realisations/<key>!<out>.doi
//! substitute: key ─realisation (signed)─▶ paths ─narinfo─▶ nar ─checked─▶ object + realisation
//! ```
//! What comes from a cache is believed for one of two reasons: a trusted key
//! signed it, or its content address says what it is. A realisation has the
//! first alone. It knows keys and objects, neither steps nor graphs.

mod adopt;
mod calls;
mod compression;
mod directory;
mod download;
mod http;
mod info;
mod level;
mod location;
mod narinfo;
mod pull;
mod push;
mod realisation;
mod signature;
mod substitute;

pub use calls::Calls;
pub use compression::Compression;
pub use download::{DownloadError, Limits};
pub use info::{CACHE_INFO, cache_info, check_cache_info};
pub use location::{
    CacheError, InvalidLocation, Location, Transport, TransportOptions, beyond_file_url,
};
pub use narinfo::{InvalidNarInfo, NAR_INFO_MAX, NarInfo};
pub use pull::{PullError, pull};
pub use push::{PushError, Pushed, push};
pub use realisation::{InvalidRealisation, REALISATION_MAX, Realisation};
pub use signature::{InvalidKey, PublicKey, SecretKey, Signature, is_trusted};
pub use substitute::{CacheConfig, Caches, Session, Wanted};
