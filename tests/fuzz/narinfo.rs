//! What a cache says of an object: what is believed to be one means the same when
//! it is written again, and names nothing outside its cache.

use super::{Target, fuzz};
use kiln::store::cache::{NAR_INFO_MAX, NarInfo, PublicKey};

/// Nix wrote it.
const BY_NIX: &str = include_str!("../../src/store/cache/by_nix.narinfo");
const KEY: &str = "test-1:oH1z4//nrW/iexD+eRpAk2rk3POjS735w1j7rUsd5FY=";

fn seeds() -> Vec<Vec<u8>> {
    let without = |fields: &[&str]| -> String {
        let is_kept = |line: &&str| !fields.iter().any(|field| line.starts_with(field));
        BY_NIX.split_inclusive('\n').filter(is_kept).collect()
    };
    let old = without(&["Compression", "FileHash", "FileSize", "References", "Sig"]);
    let extra = "CA: fixed:r:sha256:0000000000000000000000000000000000000000000000000000\n\
                 Deriver: unknown-deriver\nSystem: x86_64-linux\n";
    let forms = ["xz", "zstd", "bzip2", "gzip", "none"].map(|form| {
        let line = format!("Compression: {form}\n");
        without(&["Compression"]) + &line
    });
    let mut seeds = vec![BY_NIX.to_owned(), old, without(&["Deriver"]) + extra];
    seeds.extend(forms);
    for seed in &seeds {
        seed.parse::<NarInfo>().unwrap(); // else it would be refused with all its changes
    }
    seeds.push(BY_NIX.replace("URL: nar/", "URL: nar/../")); // never believed
    seeds.into_iter().map(String::into_bytes).collect()
}

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return; // refused before it is looked at
    };
    let info: NarInfo = match text.parse() {
        Ok(info) => info,
        Err(why) => {
            // A line of the agent's log, whatever the cache sent.
            assert!(why.to_string().len() < 2 * text.len() + 500);
            return;
        }
    };
    assert!(text.len() as u64 <= NAR_INFO_MAX);
    assert!(!info.url.starts_with('/') && !info.url.split('/').any(|part| part == ".."));
    let again: NarInfo = info.to_string().parse().unwrap();
    assert_eq!(again, info, "it is written as it was read");
    let key: PublicKey = KEY.parse().unwrap();
    if info.is_signed_by(std::slice::from_ref(&key)) {
        let original: NarInfo = BY_NIX.parse().unwrap();
        assert_eq!(
            info.fingerprint(),
            original.fingerprint(),
            "nobody else signs"
        );
    }
}

#[test]
fn n14_narinfo() {
    fuzz(&Target {
        name: "narinfo",
        seeds: seeds(),
        mend: |_| (),
        run,
    });
}
