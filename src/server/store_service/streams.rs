//! Archives over the wire, in pieces: a thread writes or reads the archive, and
//! a channel of a few pieces between it and the caller bounds what is held. When
//! either end leaves, the other is told by the channel.

use super::super::Parts;
use super::super::refusal::refuse;
use super::defect;
use crate::pb;
use crate::store::{ExportError, ImportError, StorePath};
use futures_util::stream::{BoxStream, StreamExt};
use std::io::{self, Read, Write};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

/// Bytes in one message.
const PIECE: usize = 256 << 10;
/// Messages on their way.
const PIECES: usize = 4;
/// A caller that sends nothing for this long has left.
const SILENCE: Duration = Duration::from_secs(120);

type Exported = Result<pb::ExportResponse, Status>;

/// The archive of these paths, which ends early when the caller leaves.
pub(super) fn export(
    parts: &Parts,
    room: OwnedSemaphorePermit,
    paths: Vec<StorePath>,
    cancel: CancellationToken,
) -> BoxStream<'static, Exported> {
    let (sender, receiver) = mpsc::channel(PIECES);
    let store = parts.objects.store.clone();
    parts.changes.spawn_blocking(move || {
        let _room = room;
        let mut out = Pieces {
            sender,
            piece: Vec::with_capacity(PIECE),
        };
        let written = store.export(paths, &mut out);
        let written = written.and_then(|()| out.flush().map_err(ExportError::Write));
        if let Err(error) = written {
            // A caller that left hears nothing more.
            let _ = out.sender.blocking_send(Err(not_exported(&error)));
        }
    });
    ReceiverStream::new(receiver)
        .take_until(cancel.cancelled_owned())
        .boxed()
}

fn not_exported(error: &ExportError) -> Status {
    let code = match error {
        ExportError::Store(_) | ExportError::Tree { .. } | ExportError::Write(_) => Code::Internal,
        ExportError::Damaged { .. } => Code::DataLoss,
    };
    refuse(code, error.to_string(), "kiln store verify --repair")
}

/// Sends what is written, piece by piece.
struct Pieces {
    sender: mpsc::Sender<Exported>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let data = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let sent = self.sender.blocking_send(Ok(pb::ExportResponse { data }));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Takes the archive a caller sends, and says so in the audit log's words.
pub(super) async fn import(
    parts: &Parts,
    mut stream: Streaming<pb::ImportRequest>,
    cancel: CancellationToken,
) -> Result<(pb::ImportResponse, String), Status> {
    let (sender, receiver) = mpsc::channel(PIECES);
    let (store, limit) = (parts.objects.store.clone(), parts.import_limit);
    let stopped = cancel.clone();
    let taken = parts.changes.spawn_blocking(move || {
        let mut input = Received {
            receiver,
            piece: io::Cursor::default(),
        };
        store.import(&mut input, limit, &|| stopped.is_cancelled())
    });
    let fed = feed(&mut stream, &sender, &cancel);
    if let Err(status) = fed.await {
        // The thread is told before it is left without an end.
        let _ = sender
            .send(Err(io::ErrorKind::ConnectionAborted.into()))
            .await;
        drop(sender);
        let _ = taken.await; // it took nothing: the archive has no end
        return Err(status);
    }
    drop(sender);
    let paths = taken.await.map_err(|error| defect(&error))?;
    let paths = paths.map_err(|error| not_imported(&error))?;
    let message = format!("{} objects", paths.len());
    let store_paths = paths.iter().map(ToString::to_string).collect();
    Ok((pb::ImportResponse { store_paths }, message))
}

/// Passes pieces on until the caller's end, or until nobody wants more.
async fn feed(
    stream: &mut Streaming<pb::ImportRequest>,
    sender: &mpsc::Sender<io::Result<Vec<u8>>>,
    cancel: &CancellationToken,
) -> Result<(), Status> {
    loop {
        let next = tokio::select! {
            () = cancel.cancelled() => return Err(Status::unavailable("the agent is stopping")),
            () = sender.closed() => return Ok(()), // it has ended, and says why
            next = tokio::time::timeout(SILENCE, stream.message()) => next,
        };
        let next = next.map_err(|_| Status::deadline_exceeded("nothing came any more"))?;
        let Some(message) = next? else { return Ok(()) };
        if sender.send(Ok(message.data)).await.is_err() {
            return Ok(());
        }
    }
}

fn not_imported(error: &ImportError) -> Status {
    let (code, hint) = match error {
        ImportError::Cancelled => (Code::Unavailable, "ask again once the agent runs again"),
        error if error.is_certain() => (
            Code::InvalidArgument,
            "nothing was taken; make the archive again: kiln store export",
        ),
        _ => (Code::Internal, "nothing was taken; see the agent's log"),
    };
    refuse(code, error.to_string(), hint)
}

/// Reads what the caller sent; an archive cut off by its leaving is an error.
struct Received {
    receiver: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = io::Cursor::new(piece?),
                None => return Ok(0),
            }
        }
    }
}
