//! Programs by their name.

use nix::unistd::{AccessFlags, access};
use std::path::{Path, PathBuf};

/// Where a program lies: the first folder of `search_path` (`:` between them)
/// that has one of that name which this process may run.
pub fn find_program(name: &str, search_path: &str) -> Option<PathBuf> {
    let folders = search_path.split(':').filter(|folder| !folder.is_empty());
    let mut places = folders.map(|folder| Path::new(folder).join(name));
    places.find(|place| place.is_file() && access(place, AccessFlags::X_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_that_can_be_run_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let place = |folder: &str| dir.path().join(folder).join("prog");
        for (folder, mode) in [("text", 0o644), ("first", 0o755), ("second", 0o755)] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::write(place(folder), "").unwrap();
            fs::set_permissions(place(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir_all(place("folder")).unwrap();
        let paths = ["none", "text", "folder", "first", "second"];
        let paths = paths.map(|folder| dir.path().join(folder).display().to_string());
        assert_eq!(find_program("prog", &paths.join(":")), Some(place("first")));
        assert_eq!(find_program("prog", ""), None);
    }
}
