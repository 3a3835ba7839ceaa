//! The end of a log that may have been cut by a crash.

use serde::Deserialize;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes read from the end: more than any line has.
const TAIL: u64 = 64 << 10;

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// Cuts off what follows the last whole line; answers with the length left.
pub(super) fn mend(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut end = length;
    while end > 0 {
        let (bytes, start) = before(file, end)?;
        if let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') {
            end = start + newline as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length {
        tracing::warn!(
            bytes = length - end,
            "the last line of the audit log was torn by a crash: cut off"
        );
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok(end)
}

/// The number of the last line that has one; `None` where none is near the end.
pub(super) fn last_seq(file: &File, length: u64) -> io::Result<Option<u64>> {
    let (bytes, _) = before(file, length)?;
    let lines = bytes.split(|byte| *byte == b'\n').rev();
    let numbers = lines.filter_map(|line| serde_json::from_slice::<Numbered>(line).ok());
    Ok({ numbers }.next().map(|line| line.seq))
}

/// What lies before `end`, and where that begins.
fn before(file: &File, end: u64) -> io::Result<(Vec<u8>, u64)> {
    let start = end.saturating_sub(TAIL);
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or_default()];
    file.read_exact_at(&mut bytes, start)?;
    Ok((bytes, start))
}
