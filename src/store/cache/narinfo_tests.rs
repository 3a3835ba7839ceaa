use super::*;
use proptest::prelude::*;

// `nix copy --to file://..` of Nix 2.8 with NIX_STORE_DIR=/var/lib/kiln/store wrote it.
const BY_NIX: &str = include_str!("by_nix.narinfo");
const KEY: &str = "test-1:oH1z4//nrW/iexD+eRpAk2rk3POjS735w1j7rUsd5FY=";

fn example() -> NarInfo {
    BY_NIX.parse().unwrap()
}

#[test]
fn a_text_nix_wrote_is_written_the_same_and_its_signature_holds() {
    let info = example();
    assert_eq!(info.to_string(), BY_NIX);
    assert!(info.is_signed_by(&[KEY.parse().unwrap()]));
    assert_eq!(info.references.len(), 2);
    for (from, to) in [("NarSize: ", "NarSize: 1"), ("-user", "-uses")] {
        let changed: NarInfo = BY_NIX.replace(from, to).parse().unwrap();
        assert!(!changed.is_signed_by(&[KEY.parse().unwrap()]), "{to}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let said = |text: String| text.parse::<NarInfo>().unwrap_err().to_string();
    for (from, to, wanted) in [
        (
            "URL: nar",
            "URL: ../nar",
            "line 2, URL: it must name a file",
        ),
        (
            "URL: nar",
            "URL: https://e/nar",
            "line 2, URL: it must name",
        ),
        ("URL: nar", "URL: /nar", "line 2, URL: it must name"),
        (
            "NarSize: ",
            "NarSize: -",
            "line 7, NarSize: it is no number",
        ),
        ("NarSize: ", "NarHash: ", "line 7, NarHash: it is no sha256"),
        (
            "NarHash: sha256",
            "NarHash: md5",
            "line 6, NarHash: it is no",
        ),
        (
            "StorePath: /var/lib/kiln",
            "StorePath: /nix",
            "line 1, Store",
        ),
        ("Sig: ", "Sig ", "line 9 is not"),
        (
            "Compression: zstd",
            "Compression: lzip",
            "line 3, Compression",
        ),
        ("StorePath: ", "StorePaths: ", "it has no StorePath"),
        ("NarSize: ", "NarSized: ", "it has no NarSize"),
    ] {
        let text = BY_NIX.replacen(from, to, 1);
        assert!(
            text != BY_NIX && said(text.clone()).starts_with(wanted),
            "{to}: {}",
            said(text)
        );
    }
    let twice = format!("{BY_NIX}NarSize: 120\n");
    assert!(said(twice).contains("a second NarSize"));
    assert!(said(BY_NIX.trim_end().to_owned()).contains("cut off"));
    assert!(said("x".repeat(2 << 20)).contains("larger"));
}

#[test]
fn fields_of_a_later_nix_and_an_unknown_deriver_are_passed_over() {
    let text = format!("{BY_NIX}Deriver: unknown-deriver\nFuture: x\n");
    assert_eq!(text.parse::<NarInfo>().unwrap(), example());
}

proptest! {
    #[test]
    fn no_text_is_read_as_something_that_is_written_differently(
        at in 0usize..600, byte in 0u8..128, cut in 0usize..600,
    ) {
        let mut text = BY_NIX.as_bytes().to_vec();
        let at = at % text.len();
        text[at] = byte;
        text.truncate(text.len() - (cut % 50).saturating_sub(40));
        let text = String::from_utf8(text).unwrap();
        if let Ok(info) = text.parse::<NarInfo>() {
            prop_assert_eq!(info.to_string().parse::<NarInfo>(), Ok(info));
        }
    }

    #[test]
    fn no_bytes_end_the_parser(text in "\\PC{0,200}\n?") {
        let _ = text.parse::<NarInfo>();
    }
}
