//! From what Nix says when it fails to a [`Failure`]: what, where in the commit,
//! and whether trying again can help.

use super::messages::plain;
use crate::model::{Failure, FailureKind, Location};

/// Bytes of a failure's message.
const MAX_MESSAGE: usize = 2048;

/// Words by which Nix, Git and curl say that a service or the network is not
/// there now.
const NETWORK: [&str; 23] = [
    "could not resolve host",
    "couldn't resolve host",
    "temporary failure in name resolution",
    "network is unreachable",
    "no route to host",
    "connection refused",
    "connection reset",
    "connection timed out",
    "operation timed out",
    "couldn't connect to server",
    "could not connect to server",
    "failed to connect to",
    "unable to access",
    "could not read from remote repository",
    "ssl connect error",
    "http error 403",
    "http error 408",
    "http error 429",
    "http error 5",
    "transferred a partial file",
    "server returned nothing",
    "broken pipe",
    "usually happens due to networking issues",
];

/// Words by which Nix and the kernel say that this host has run out of
/// something, or that its Nix is not there now.
const HOST: [&str; 16] = [
    "no space left on device",
    "database or disk is full",
    "read-only file system",
    "disk i/o error",
    "input/output error",
    "disk quota exceeded",
    "cannot allocate memory",
    "too many open files",
    "cannot connect to socket",
    "cannot open connection to remote store",
    "nix daemon disconnected",
    "unexpected end-of-file",
    ".sqlite' is busy",
    "file is not a database",
    "database disk image is malformed",
    "failed due to signal 9",
];

/// Nothing may be built here, and no builder is named.
const NOTHING_BUILDS: &str = "unable to start any build";

/// Nix has more than one database, and the message names the one.
const DAMAGED: &str = "below `nix/cache` of kiln's state nothing is lost by removing the file or the folder `cache`; a store's own database is mended by Nix's `nix-store --verify`";

/// What its settings forbid can be allowed; in lower case, as above.
const HINTS: [(&str, &str); 9] = [
    ("file is not a database", DAMAGED),
    ("database disk image is malformed", DAMAGED),
    (
        "in restricted mode",
        "a plain file may read the commit alone: name folders in `[nix] options` as nix-path, URLs as allowed-uris",
    ),
    (
        "was not found in the nix search path",
        "kiln hands on no NIX_PATH: name what <..> stands for in the configuration, as in `[nix] options = { nix-path = \"nixpkgs=/srv/nixpkgs\" }`, or pin it by a URL with its hash",
    ),
    (
        "in pure evaluation mode",
        "pin the input with its hash, or set pure-eval = \"false\" in `[nix] options`",
    ),
    (NOTHING_BUILDS, "raise max-jobs, or name `[nix] builders`"),
    (
        "is not allowed to build on",
        "name a builder of that system in `[nix] builders`",
    ),
    (
        "is required to build",
        "name a builder of that system in `[nix] builders`, or say in `[nix] options` that it can be built here: extra-platforms, system-features",
    ),
    (
        "a sandbox",
        "see what `kiln doctor` says of namespaces, or set sandbox in `[nix] options`",
    ),
];

/// Whether trying again can help.
pub(super) fn kind_of(message: &str) -> FailureKind {
    let lower = message.to_lowercase();
    let mut words = NETWORK.iter().chain(&HOST);
    match words.any(|words| lower.contains(words)) {
        true => FailureKind::Transient,
        false => FailureKind::Certain,
    }
}

/// Whether this host itself is in need, and no cache or network to blame.
pub(super) fn is_of_host(message: &str) -> bool {
    let lower = message.to_lowercase();
    HOST.iter().any(|words| lower.contains(words))
}

/// The failure Nix's error is; `text` is what a person is shown, `message` the
/// error without its trace.
pub(super) fn failure(text: &str, message: &str) -> Failure {
    let (text, message) = (plain(text), brief(without_log(message)));
    let lower = message.to_lowercase();
    let hint = HINTS.iter().find(|(words, _)| lower.contains(words));
    let hint = hint.map(|(_, hint)| (*hint).to_owned());
    Failure {
        kind: kind_of(&message),
        log_tail: tail(&without_own_frames(&text)),
        hint: forbidden_uri(&message).or(hint).unwrap_or_default(),
        ..Failure::certain(message)
    }
}

/// Nix's trace without the frames in the expression kiln asks with: nobody who
/// reads it wrote that. A frame begins with `…`, its place is `«string»` there.
fn without_own_frames(text: &str) -> String {
    let begins = |line: &str| line.starts_with('…') || line.starts_with("error:");
    let is_own = |frame: &str| {
        let mut lines = frame.lines().map(str::trim_start);
        frame.trim_start().starts_with('…') && lines.any(|line| line.starts_with("at «string»:"))
    };
    let (mut kept, mut frame) = (String::new(), String::new());
    for line in text.split_inclusive('\n') {
        if begins(line.trim_start()) {
            kept.push_str(if is_own(&frame) { "" } else { &frame });
            frame.clear();
        }
        frame.push_str(line);
    }
    kept + if is_own(&frame) { "" } else { &frame }
}

/// What to write where a plain file may not fetch what it names. `allowed-uris`
/// are what URLs begin with.
fn forbidden_uri(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("access to URI '")?;
    let (uri, rest) = rest.split_once('\'')?;
    if !rest.starts_with(" is forbidden in restricted mode") {
        return None;
    }
    let within_host = uri
        .split_once("://")
        .is_some_and(|(_, path)| path.contains('/'));
    let begin = match uri.rfind('/').filter(|_| within_host) {
        Some(end) => &uri[..=end],
        None => uri,
    };
    Some(format!(
        "a plain file fetches nothing that the configuration does not name: `[nix] options = {{ allowed-uris = {begin:?} }}`"
    ))
}

/// A daemon puts a step's last lines into the error, and these are the step's own
/// words: not to be judged by.
fn without_log(message: &str) -> &str {
    let at = message.match_indices("; last ").find(|(at, found)| {
        let count = message[at + found.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
        count.starts_with(" log lines:")
    });
    at.map_or(message, |(at, _)| &message[..at])
}

/// Nothing may be built here, and no binary cache has what is missing.
pub(super) fn nothing_builds(failure: &Failure) -> bool {
    failure.message.to_lowercase().contains(NOTHING_BUILDS)
}

/// One paragraph in one line, of bounded length.
pub(super) fn brief(message: &str) -> String {
    let message = plain(message);
    let paragraph = message.trim().split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = paragraph.split_whitespace().collect();
    let mut brief = words.join(" ");
    if brief.len() > MAX_MESSAGE {
        let whole = (0..=MAX_MESSAGE)
            .rev()
            .find(|at| brief.is_char_boundary(*at));
        brief.truncate(whole.unwrap_or_default());
        brief.push('…');
    }
    brief
}

/// The last bytes that a failure carries.
pub(super) fn tail(text: &str) -> String {
    let from = text.len().saturating_sub(Failure::LOG_TAIL);
    let whole = (from..=text.len()).find(|at| text.is_char_boundary(*at));
    text[whole.unwrap_or_default()..].to_owned()
}

/// Places in an error's text that may lie in the commit, the likeliest first: what
/// follows the error itself, then the frames of its trace from the innermost.
/// Nix before 2.14 writes the error first, later ones last. Each path is
/// relative to the repository.
pub(super) fn places(text: &str) -> Vec<Location> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let error = |line: &&str| {
        line.strip_prefix("error:")
            .is_some_and(|rest| !rest.trim().is_empty())
    };
    let split = lines.iter().rposition(error).unwrap_or(0);
    let (before, after) = lines.split_at(split);
    let places = after.iter().chain(before.iter().rev());
    places.filter_map(|line| place(line)).collect()
}

/// `at /nix/store/<hash>-source/hosts/web.nix:3:7:` or, since Nix 2.20,
/// `at «git+file:///...?rev=...»/hosts/web.nix:3:7:`
fn place(line: &str) -> Option<Location> {
    let rest = line
        .split_once("at ")
        .map(|(before, rest)| (before.trim_end_matches("… "), rest));
    let (_, rest) = rest.filter(|(before, _)| before.is_empty() || before.ends_with(", "))?;
    let rest = rest.split_whitespace().next()?.trim_end_matches([':', ',']);
    let (rest, column) = rest.rsplit_once(':')?;
    let (path, line) = rest.rsplit_once(':')?;
    let file = match path.rsplit_once("»/") {
        Some((_, file)) => file,
        None => path.split_once("-source/")?.1,
    };
    Some(Location {
        file: file.to_owned(),
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(file: &str, line: u32, column: u32) -> Location {
        let file = file.to_owned();
        Location { file, line, column }
    }

    #[test]
    fn f02_the_place_is_read_in_the_words_of_old_and_new_versions() {
        let old = "error: attribute 'nope' missing\n\n       at /tmp/s/nix/store/qj5-source/bad.nix:3:7:\n\n            2|   a = 1;\n\n       … while evaluating the attribute 'x'\n\n       at /nix/store/qj5-source/flake.nix:5:3:\n";
        assert_eq!(places(old), [at("bad.nix", 3, 7), at("flake.nix", 5, 3)]);
        let new = "error:\n       … while evaluating the attribute 'x'\n         at /nix/store/qj5-source/flake.nix:5:3:\n            4|\n       error: attribute 'nope' missing\n       at «git+file:///r?rev=1»/a/bad.nix:3:7:\n";
        assert_eq!(places(new), [at("a/bad.nix", 3, 7), at("flake.nix", 5, 3)]);
        assert_eq!(
            places("error: no\n at (string):1:2:\n at nonsense\n at /x-source/f:a:b"),
            []
        );
    }

    #[test]
    fn f02_a_trace_has_no_frame_of_the_question_itself() {
        let own =
            "       … while evaluating 'ask'\n\n       at «string»:13:14:\n\n           12| x\n\n";
        let theirs = "       … while evaluating the attribute 'x'\n         at /nix/store/q-source/flake.nix:5:3:\n            4|\n\n";
        let said = "error: no disk\n\n       at «string»:1:1:\n\n";
        let old = format!("{said}{theirs}{own}{own}       … from call site\n");
        let kept = without_own_frames(&old);
        assert_eq!(kept, format!("{said}{theirs}       … from call site\n"));
        let new = format!("error:\n{own}{theirs}       error: no disk");
        let kept = without_own_frames(&new);
        assert_eq!(kept, format!("error:\n{theirs}       error: no disk"));
        assert_eq!(without_own_frames(own), "");
    }

    #[test]
    fn f06_what_settings_forbid_is_told_with_the_setting_that_allows_it() {
        let hint = |message: &str| failure(message, message).hint;
        let uri = hint("access to URI 'https://h.org/a/b.tar.gz' is forbidden in restricted mode");
        assert!(uri.contains("allowed-uris = \"https://h.org/a/\""), "{uri}");
        let host = hint("access to URI 'https://h.org' is forbidden in restricted mode");
        assert!(host.contains("\"https://h.org\""), "{host}");
        let platform = hint(
            "a 'aarch64-linux' with features {} is required to build '/nix/store/x.drv', but I am a 'x86_64-linux' with features {kvm}",
        );
        assert!(platform.contains("[nix] builders"), "{platform}");
    }

    #[test]
    fn f06_the_words_of_a_step_that_a_daemon_repeats_are_not_judged() {
        let said = "builder for '/nix/store/x-a.drv' failed with exit code 1; last 1 log lines:\n > Connection refused\n For full logs, run 'nix log x'";
        let failure = failure(said, said);
        assert_eq!(failure.kind, FailureKind::Certain);
        assert!(failure.message.ends_with("exit code 1"), "{failure:?}");
        assert!(failure.log_tail.contains("refused"), "{failure:?}");
    }

    #[test]
    fn f06_what_may_pass_is_told_from_what_is_certain() {
        for passing in [
            "unable to download 'https://x': Couldn't resolve host name (6)",
            "writing to file: No space left on device",
            "SQLite database '/nix/var/nix/db/db.sqlite' is busy",
            "cannot connect to socket at '/nix/var/nix/daemon-socket/socket': Connection refused",
            "builder for '/nix/store/x.drv' failed due to signal 9 (Killed)",
            "executing SQLite statement 'insert': database or disk is full (in '/nix/var/nix/db/db.sqlite')",
            "opening lock file '/nix/store/x.lock': Read-only file system",
            "executing SQLite query: disk I/O error (in '/nix/var/nix/db/db.sqlite')",
            "reading from file: Input/output error",
            "writing to file: Broken pipe",
            "unable to download 'https://x': HTTP error 403 ('Forbidden')",
            "unable to download 'https://x': HTTP error 408",
            "unable to download 'https://x': HTTP error 429",
            "unable to download 'https://x': HTTP error 501",
            "unable to download 'https://x': HTTP error 520",
            "unable to download 'https://x': HTTP error 522 ('')",
            "unable to download 'https://x': Transferred a partial file (18)",
            "unable to download 'https://x': Server returned nothing (no headers, no data) (52)",
        ] {
            assert_eq!(kind_of(passing), FailureKind::Transient, "{passing}");
        }
        for certain in [
            "attribute 'x' missing",
            "builder for 'x' failed with exit code 1",
            "hash mismatch in fixed-output derivation",
            "unable to download 'https://x': HTTP error 401 ('Unauthorized')",
            "unable to download 'https://x': HTTP error 404 ('Not Found')",
            "unable to download 'https://x': HTTP error 410",
        ] {
            assert_eq!(kind_of(certain), FailureKind::Certain, "{certain}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_failure_of_bounded_size(text in "\\PC{0,300}", times in 1usize..60) {
            let text = text.repeat(times);
            places(&text);
            let failure = failure(&text, &text);
            prop_assert!(failure.log_tail.len() <= Failure::LOG_TAIL);
            prop_assert!(failure.message.len() <= MAX_MESSAGE + '…'.len_utf8());
        }
    }
}
