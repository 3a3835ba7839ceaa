use super::super::patterns::{STANDARD, base64_within};
use super::*;
use proptest::prelude::*;

fn patterns(secrets: &[&str]) -> Arc<Patterns> {
    let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    Arc::new(Patterns::new(&secrets))
}

fn in_pieces(patterns: &Arc<Patterns>, text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut redactor = Redactor::new(Arc::clone(patterns));
    let (mut shown, mut from) = (Vec::new(), 0);
    for cut in cuts.iter().copied().chain([text.len()]) {
        let cut = cut.clamp(from, text.len());
        shown.extend(redactor.push(&text[from..cut]));
        from = cut;
    }
    shown.extend(redactor.finish());
    shown
}

/// What is to be shown, the slow way: every place is compared with every secret.
fn by_hand(secrets: &[String], text: &[u8]) -> Vec<u8> {
    let mut covered = vec![false; text.len()];
    for secret in secrets {
        let secret = secret.as_bytes();
        for at in 0..text.len() {
            let rest = &text[at..];
            let begun = rest.len() >= SHORTEST && secret.starts_with(rest);
            if rest.starts_with(secret) || begun {
                let end = (at + secret.len()).min(text.len());
                covered[at..end].fill(true);
            }
        }
    }
    let mut shown = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        match covered[at] {
            true if at > 0 && covered[at - 1] => {}
            true => shown.extend_from_slice(REDACTED),
            false => shown.push(*byte),
        }
    }
    shown
}

proptest! {
    /// Few letters, so that secrets overlap, repeat and begin in vain. No form
    /// but the plain one can be in a text of these letters.
    #[test]
    fn wherever_a_log_is_cut_no_secret_is_shown_and_nothing_else_is_lost(
        secrets in prop::collection::vec("[.~]{8,12}", 0..4),
        text in "[.~\n]{0,200}",
        cuts in prop::collection::btree_set(0usize..200, 0..20),
    ) {
        let known = Arc::new(Patterns::new(&secrets));
        let cuts: Vec<usize> = cuts.into_iter().collect();
        let shown = in_pieces(&known, text.as_bytes(), &cuts);
        prop_assert_eq!(shown, by_hand(&secrets, text.as_bytes()));
    }

    #[test]
    fn a_secret_within_base64_is_not_shown_wherever_it_stands_there(
        before in prop::collection::vec(any::<u8>(), 0..20),
        secret in "[!-~]{8,40}",
        after in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let known = patterns(&[&secret]);
        let whole = [&before[..], secret.as_bytes(), &after[..]].concat();
        let text = base64_within(&whole, 0, STANDARD);
        let shown = in_pieces(&known, &text, &[]);
        prop_assert!(shown.windows(REDACTED.len()).any(|part| part == REDACTED));
        // At most the characters are left that bytes beside it have a part in.
        let left = shown.len() - REDACTED.len();
        let beside = before.len().div_ceil(3) * 4 + after.len().div_ceil(3) * 4 + 4;
        prop_assert!(left <= beside, "{} > {beside}", left);
    }

    #[test]
    fn what_is_held_back_never_grows_beyond_the_longest_form(text in "[abc]{0,5000}") {
        let known = patterns(&["abcabcabcabcabc", "aaaaaaaaaaaa"]);
        let mut redactor = Redactor::new(known);
        for byte in text.bytes() {
            redactor.push(&[byte]);
            prop_assert!(redactor.held.len() <= 15);
        }
    }
}

#[test]
fn a_secret_percent_encoded_either_way_is_not_shown() {
    let known = patterns(&["p@ss/w:rd+1"]);
    for text in ["p%40ss%2Fw%3Ard%2B1", "p%40ss%2fw%3ard%2b1", "p@ss/w:rd+1"] {
        assert_eq!(redact(&known, &format!("a {text}b")), "a [redacted]b");
    }
}

#[test]
fn a_login_as_http_shows_it_is_not_shown() {
    // The second is of RFC 7617, 2.
    assert_eq!(base64_within(b"foobar", 0, STANDARD), b"Zm9vYmFy");
    let known = patterns(&["open sesame"]);
    let text = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(
        redact(&known, text),
        "Authorization: Basic QWxhZGRpbjp[redacted]Q=="
    );
}

#[test]
fn a_line_goes_out_at_once_when_no_secret_may_have_begun() {
    let mut redactor = Redactor::new(patterns(&["s3cret-token"]));
    assert_eq!(redactor.push(b"building\n"), b"building\n");
    assert_eq!(redactor.push(b"it is s3cret"), b"it is ");
    assert_eq!(redactor.push(b" after all\n"), b"s3cret after all\n");
}

#[test]
fn the_beginning_of_a_secret_that_ends_a_log_is_not_shown() {
    let known = patterns(&["s3cret-token"]);
    assert_eq!(redact(&known, "it is s3cret-tok"), "it is [redacted]");
    assert_eq!(redact(&known, "it is s3c"), "it is s3c");
}

#[test]
fn short_secrets_are_not_looked_for_and_each_line_of_a_long_one_is() {
    assert!(patterns(&["short", "", "a\nb\nc"]).is_empty());
    let key = format!("-----BEGIN KEY-----\n{}\nshort\n", "k".repeat(3001));
    let known = patterns(&[&key]);
    let text = format!("<{}>", "k".repeat(3001));
    assert_eq!(redact(&known, &text), "<[redacted]>");
}
