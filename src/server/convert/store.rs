//! The store's answers on the wire; the command line gives the same without an agent.

use crate::pb;
use crate::store::{Collected, Flaw, ObjectInfo, Optimised, Root, Store, Verified};

/// Removed objects named in an answer: a message has its limits.
const NAMED: usize = 20_000;

pub fn path_info(store: &Store, info: &ObjectInfo) -> pb::PathInfoResponse {
    pb::PathInfoResponse {
        store_path: info.path.to_string(),
        nar_hash: info.nar_hash.to_string(),
        nar_size: info.nar_size,
        references: info.references.iter().map(ToString::to_string).collect(),
        registered_at: Some(super::time(info.registered_at)),
        real_path: store.real_path(&info.path).display().to_string(),
    }
}

pub fn verified(verified: &Verified) -> pb::VerifyResponse {
    let findings = verified.findings.iter().map(|finding| pb::StoreFinding {
        subject: finding.subject.clone(),
        problem: problem(&finding.flaw),
        repaired: finding.repaired,
    });
    let is_damaged = |flaw: &Flaw| matches!(flaw, Flaw::Damaged(_));
    let damaged = verified
        .findings
        .iter()
        .filter(|found| is_damaged(&found.flaw));
    pb::VerifyResponse {
        checked: verified.checked,
        damaged: damaged.map(|found| found.subject.clone()).collect(),
        findings: findings.collect(),
    }
}

fn problem(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Damaged(why) => format!("it is damaged: {why}"),
        Flaw::WrongRecord => "its record is not what the object says".into(),
        Flaw::RecordAlone => "its record is there, the object is not".into(),
        Flaw::UnreadableRecord => "its record cannot be read".into(),
        Flaw::ObjectAlone => "it has no record".into(),
        Flaw::Stray => "it is nothing of the store's; kiln store gc removes it".into(),
        Flaw::Lacks(missing) => {
            format!("it refers to {missing}, which is not there; kiln eval builds what is missing")
        }
        Flaw::Hollow => "it names what is not wholly there".into(),
    }
}

pub fn collected(collected: &Collected) -> pb::CollectGarbageResponse {
    let named = collected.objects.iter().take(NAMED);
    pb::CollectGarbageResponse {
        removed: named.map(ToString::to_string).collect(),
        freed_bytes: collected.bytes,
        removed_count: u32::try_from(collected.objects.len()).unwrap_or(u32::MAX),
    }
}

pub fn optimised(done: &Optimised) -> pb::OptimiseResponse {
    pb::OptimiseResponse {
        shared_files: done.files,
        freed_bytes: done.bytes,
        by_blocks: done.by_blocks,
    }
}

pub fn roots(roots: &[Root]) -> pb::ListRootsResponse {
    let root = |root: &Root| pb::Root {
        link: root.link.display().to_string(),
        store_path: root.object.to_string(),
    };
    pb::ListRootsResponse {
        roots: roots.iter().map(root).collect(),
    }
}
