//! A line for each host, test and warning of a check.

use super::generation::failure;
use super::text::{GREEN, RED, YELLOW, paint, plain};
use crate::pb::{CheckKind, CheckResult};

/// `ok    host web-1: 12 nodes, 3 steps; needs /usr/sbin/nginx`
pub fn result(result: &CheckResult, color: bool) -> String {
    let name = plain(&result.name);
    let (sign, what) = match (result.kind(), result.passed) {
        (CheckKind::Warning, _) => return warning(result, color),
        (CheckKind::Host, true) => (paint("ok", GREEN, color), "host"),
        (CheckKind::Test, true) => (paint("ok", GREEN, color), "test"),
        (CheckKind::Host, false) => (paint("FAILED", RED, color), "host"),
        (CheckKind::Test, false) => (paint("FAILED", RED, color), "test"),
        (CheckKind::Unspecified, _) => (String::from("?"), "result"),
    };
    let mut line = format!("{sign} {what} {name}");
    if !result.message.is_empty() {
        line.push_str(&format!(": {}", plain(&result.message)));
    }
    if !result.needs.is_empty() {
        line.push_str(&format!("; needs {}", plain(&result.needs.join(", "))));
    }
    match &result.failure {
        None => line,
        Some(why) => format!("{line}\n{}", failure(why).trim_end()),
    }
}

fn warning(result: &CheckResult, color: bool) -> String {
    let at = result.location.clone().unwrap_or_default();
    format!(
        "{}:{}:{}: {} {}",
        plain(&at.file),
        at.line,
        at.column,
        paint("warning:", YELLOW, color),
        plain(&result.message)
    )
}
