//! Remotes and what is thought of their branches.

use super::text::{ago, plain, short};
use crate::pb::{self, Verdict};
use std::fmt::Write as _;
use time::OffsetDateTime;

/// Every remote with its branches' verdicts.
pub fn remotes(remotes: &[pb::RemoteStatus], now: OffsetDateTime) -> String {
    remotes.iter().map(|found| remote(found, now)).collect()
}

fn remote(remote: &pb::RemoteStatus, now: OffsetDateTime) -> String {
    let mut text = format!("  {}  {}", plain(&remote.name), plain(&remote.url));
    match (&remote.last_poll, remote.reachable) {
        (None, _) => text.push_str("  not asked yet\n"),
        (polled, true) => {
            let _ = writeln!(text, "  answered {}", ago(polled.as_ref(), now));
        }
        (_, false) => {
            let _ = writeln!(
                text,
                "  DOES NOT ANSWER, last did: {}",
                ago(remote.last_success.as_ref(), now)
            );
            let _ = writeln!(
                text,
                "    {}",
                plain(remote.error.trim_end()).replace('\n', "\n    ")
            );
        }
    }
    for branch in &remote.branches {
        let _ = writeln!(
            text,
            "    {:<20} {:<12}  {}",
            plain(&branch.name),
            short(&branch.head),
            verdict(branch.verdict())
        );
        for more in [&branch.message, &branch.hint]
            .into_iter()
            .filter(|more| !more.is_empty())
        {
            let _ = writeln!(
                text,
                "      {}",
                plain(more.trim_end()).replace('\n', "\n      ")
            );
        }
    }
    text
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unspecified => "unknown",
        Verdict::Selected => "selected",
        Verdict::Equal => "same commit as the selected",
        Verdict::Older => "older than the selected",
        Verdict::BehindMain => "ignored: not on top of main",
        Verdict::Diverged => "REFUSED: does not descend from the baseline",
        Verdict::TooFar => "REFUSED: too far from the baseline to check",
        Verdict::Untrusted => "REFUSED: signature missing or bad",
        Verdict::Missing => "no such branch",
        Verdict::Unreadable => "REFUSED: cannot be read",
    }
}
