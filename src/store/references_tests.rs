use super::*;
use proptest::prelude::*;

const DIGITS: &str = "0123456789abcdfghijklmnpqrsvwxyz";

fn path(text: &str) -> StorePath {
    text.parse().unwrap()
}

fn own() -> StorePath {
    path("/var/lib/kiln/store/zyxwvsrqpnmlkjihgfdcba9876543210-own")
}

fn known() -> Known {
    let dep = path(&format!("{STORE_PREFIX}{DIGITS}-dep"));
    let mut known = Known {
        refuse_others: true,
        ..Known::default()
    };
    known.insert(&dep.clone(), Meaning::Candidate(dep));
    known.insert(&own(), Meaning::Own);
    known
}

/// Scans content given in these pieces.
fn scan(known: &Known, pieces: &[&[u8]]) -> Result<Scanned, ScanError> {
    let mut scanner = Scanner::new(known);
    scanner.begin(Path::new("bin/x"), Part::Content)?;
    for piece in pieces {
        scanner.data(piece)?;
    }
    scanner.end()?;
    Ok(scanner.finish())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn n05_matches_are_found_across_any_borders(
        before in ".{0,80}", after in "[0-9a-z]{0,40}", cuts in prop::collection::vec(0usize..300, 0..8),
    ) {
        let text = format!("{before}/{DIGITS}-dep {}{after}", own());
        let at = before.len() + 1 + DIGITS.len() + "-dep ".len() + STORE_PREFIX.len();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]).collect();
        let scanned = scan(&known(), &pieces).unwrap();
        prop_assert_eq!(scanned.references.len(), 1);
        prop_assert_eq!(&scanned.self_offsets, &[at as u64]);
        prop_assert_eq!(&scanned.rewrites[0].places, &[(at as u64, None)]);
        let zeroed = text.replace(&own().digest_text(), &"\0".repeat(32));
        prop_assert_eq!(scanned.nar_modulo_self, Hash::of(zeroed.as_bytes()));
    }

    #[test]
    fn n05_a_foreign_store_path_is_found_across_any_border(cut in 0usize..60) {
        let text = format!("x {STORE_PREFIX}{}-y\n", "1".repeat(32));
        let (a, b) = text.as_bytes().split_at(cut.min(text.len()));
        let error = scan(&known(), &[a, b]).unwrap_err().to_string();
        prop_assert!(error.contains("bin/x"), "{}", error);
    }
}

#[test]
fn n05_an_undeclared_store_path_is_named_with_its_file() {
    let text = format!("exec {STORE_PREFIX}{}-other/bin/y \"$@\"", "1".repeat(32));
    let error = scan(&known(), &[text.as_bytes()]).unwrap_err().to_string();
    assert!(
        error.starts_with("bin/x mentions /var/lib/kiln/store/1111"),
        "{error}"
    );
    assert!(error.contains("-other/bin/y,"), "{error}");
}

#[test]
fn digits_alone_that_nobody_knows_are_nothing() {
    let scanned = scan(&known(), &["1".repeat(500).as_bytes()]).unwrap();
    assert!(scanned.references.is_empty() && scanned.rewrites.is_empty());
}

#[test]
fn a_digest_inside_a_longer_run_of_digits_is_found() {
    let scanned = scan(&known(), &[format!("aa{DIGITS}aa{DIGITS}").as_bytes()]).unwrap();
    assert_eq!(scanned.references.len(), 1);
}

#[test]
fn n05_the_own_digest_in_a_file_name_is_an_error() {
    let known = known();
    let mut scanner = Scanner::new(&known);
    let name = format!("lib-{}", own().digest_text());
    scanner.begin(Path::new(&name), Part::Name).unwrap();
    let error = scanner.data(name.as_bytes()).unwrap_err();
    assert!(matches!(error, ScanError::DigestInName { .. }), "{error}");
}
