//! A NAR of elsewhere: what is restored is what it says, byte for byte, and
//! lies nowhere but in its place.

use super::{Target, fuzz, scratch};
use kiln::store::{dump_nar, restore_nar};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const LIMIT: u64 = 1 << 20;

fn seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("bin/empty")).unwrap();
    fs::write(tree.join("README"), "read me\n").unwrap();
    fs::write(tree.join("bin/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(tree.join("bin/run"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("bin/run", tree.join("link")).unwrap();
    let packed = ["", "README", "bin/run", "link"].map(|path| {
        let mut nar = Vec::new();
        dump_nar(&tree.join(path), &mut nar).unwrap();
        nar
    });
    packed.into()
}

pub fn run(bytes: &[u8]) {
    let folder = scratch();
    let place = folder.path().join("place");
    let mut input = bytes;
    let restored = restore_nar(&mut input, &place, LIMIT);
    let beside = fs::read_dir(folder.path()).unwrap().flatten();
    assert!(
        beside
            .map(|entry| entry.file_name())
            .all(|name| name == "place")
    );
    if let Ok(read) = restored {
        let mut again = Vec::new();
        dump_nar(&place, &mut again).unwrap();
        let read = usize::try_from(read).unwrap();
        assert_eq!(again, bytes[..read], "there is one way to write a tree");
    }
}

#[test]
fn n06_nar() {
    fuzz(&Target {
        name: "nar",
        seeds: seeds(),
        mend: |_| (),
        run,
    });
}
