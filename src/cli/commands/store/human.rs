//! The store's answers for people.

use crate::cli::human::plain;
use crate::pb;

pub fn path_info(info: &pb::PathInfoResponse) -> String {
    let mut text = format!(
        "{}\n  hash       {}\n  size       {}\n  lies at    {}",
        info.store_path,
        info.nar_hash,
        size(info.nar_size),
        plain(&info.real_path)
    );
    for reference in &info.references {
        text.push_str("\n  refers to  ");
        text.push_str(reference);
    }
    text
}

pub fn verified(found: &pb::VerifyResponse) -> String {
    let mut lines = Vec::new();
    for finding in &found.findings {
        let repaired = if finding.repaired { " (repaired)" } else { "" };
        let (subject, problem) = (plain(&finding.subject), plain(&finding.problem));
        lines.push(format!("{subject}: {problem}{repaired}"));
    }
    let flaws = match found.findings.len() {
        0 => "nothing is wrong".to_owned(),
        1 => "1 flaw".to_owned(),
        count => format!("{count} flaws"),
    };
    lines.push(format!("{} objects read, {flaws}", found.checked));
    lines.join("\n")
}

pub fn collected(gone: &pb::CollectGarbageResponse, dry_run: bool) -> String {
    let mut lines = if dry_run {
        gone.removed.clone()
    } else {
        Vec::new()
    };
    let what = if dry_run {
        "would be removed"
    } else {
        "removed"
    };
    let (count, bytes) = (gone.removed_count, size(gone.freed_bytes));
    let objects = if count == 1 { "object" } else { "objects" };
    lines.push(format!("{count} {objects} {what}, {bytes}"));
    lines.join("\n")
}

pub fn optimised(done: &pb::OptimiseResponse) -> String {
    let (files, bytes) = (done.shared_files, size(done.freed_bytes));
    let how = match done.by_blocks {
        true => "by their blocks",
        false => "as names of one file",
    };
    match files {
        0 => "no two files have the same content and do not share it yet".to_owned(),
        1 => format!("1 file shares its content {how} now, {bytes} freed"),
        _ => format!("{files} files share their content {how} now, {bytes} freed"),
    }
}

pub fn root(root: &pb::Root) -> String {
    format!("{} -> {}", plain(&root.link), root.store_path)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
