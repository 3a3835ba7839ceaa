//! Model values for unit tests of whatever layer.

use crate::model::*;
use crate::source::{Branch, BranchKind, RemoteStatus, Selection, Verdict};
use std::time::Duration;
use time::OffsetDateTime;

pub const NOW: i64 = 1_800_000_000;

pub fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap())
}

pub fn commit(digit: char) -> Commit {
    Commit {
        id: digit.to_string().repeat(40).parse().unwrap(),
        tree: digit.to_string().repeat(40),
        summary: "Serve the new page".into(),
        author: "Ada <ada@example.org>".into(),
        time: at(NOW - 600),
        dirty: false,
    }
}

pub fn origin(testing: bool) -> Origin {
    Origin {
        remote: Some("origin".parse().unwrap()),
        branch: Some(
            if testing { "testing-web-1" } else { "main" }
                .parse()
                .unwrap(),
        ),
        testing,
    }
}

pub fn selection(digit: char) -> Selection {
    Selection {
        commit: commit(digit),
        origin: origin(false),
    }
}

pub fn span() -> Span {
    Span {
        attempt: 1,
        started_at: at(NOW - 60),
        ended_at: at(NOW - 30),
    }
}

pub fn generation(number: u32, digit: char, evaluation: Evaluation) -> Generation {
    Generation {
        number: GenerationNumber(number),
        uuid: "00000000-0000-4000-8000-000000000000".into(),
        host: "web-1".parse().unwrap(),
        backend: BackendKind::Native,
        commit: commit(digit),
        origin: origin(false),
        by_hand: false,
        settings: String::new(),
        in_a_row: 0,
        evaluation,
        hooks: Vec::new(),
    }
}

pub fn evaluated(build: Build) -> Evaluation {
    Evaluation::Succeeded {
        span: span(),
        evaluated: Box::new(Evaluated {
            drv_path: "/var/lib/kiln/store/aaaa-web-1.drv".into(),
            out_path: None,
            machine_id: Some("0123".into()),
            secrets: vec!["token".into()],
            nix: None,
            record: None,
        }),
        cached: false,
        build,
    }
}

pub fn succeeded() -> Build {
    Build::Succeeded {
        span: span(),
        reason: BuildReason::NeedsBuild,
        built: Built {
            out_path: "/var/lib/kiln/store/bbbb-web-1".into(),
            real_path: "/s/bbbb-web-1".into(),
        },
        steps: Steps {
            total: 5,
            done: 5,
            running: 0,
            failed: 0,
            reused: 2,
            estimated_remaining: None,
        },
    }
}

pub fn remote(verdict: Verdict) -> RemoteStatus {
    RemoteStatus {
        name: "origin".parse().unwrap(),
        url: "https://git.example.org/infra.git".into(),
        reachable: true,
        last_poll: Some(at(NOW - 10)),
        last_success: Some(at(NOW - 10)),
        next_poll: Some(at(NOW + 50)),
        error: String::new(),
        branches: vec![Branch {
            name: "main".parse().unwrap(),
            kind: BranchKind::Main,
            head: "a".repeat(40),
            verdict,
            message: String::new(),
            hint: String::new(),
        }],
    }
}
