//! `nix-cache-info`: that a folder or server is a binary cache, and for which store.

use super::super::STORE_DIR;

/// The file's name in every cache.
pub const CACHE_INFO: &str = "nix-cache-info";
/// Bytes of it that are read.
pub const CACHE_INFO_MAX: u64 = 4096;

/// The text kiln writes.
pub fn cache_info() -> String {
    format!("StoreDir: {STORE_DIR}\nWantMassQuery: 1\nPriority: 40\n")
}

/// Checks that a cache's text says it holds objects of this store folder.
///
/// # Errors
/// Says for which folder it is, or that it says nothing.
pub fn check_cache_info(text: &str) -> Result<(), String> {
    let folder = text.lines().find_map(|line| line.strip_prefix("StoreDir:"));
    match folder.map(str::trim) {
        Some(STORE_DIR) => Ok(()),
        Some(other) => {
            let other: String = other.chars().take(200).collect();
            Err(format!("it is a cache for {other:?}, not for {STORE_DIR}"))
        }
        None => Err(format!("its {CACHE_INFO} names no StoreDir")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cache_of_this_store_folder_is_one() {
        assert_eq!(check_cache_info(&cache_info()), Ok(()));
        let other = check_cache_info("StoreDir: /nix/store\nPriority: 30\n").unwrap_err();
        assert!(other.contains("/nix/store"), "{other}");
        assert!(check_cache_info("<html>").is_err());
    }
}
