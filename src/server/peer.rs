//! Who is at the other end of the socket, as the kernel tells: asked once per
//! connection, before the first byte is read.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// The most supplementary groups Linux lets a process have.
const GROUPS_MAX: usize = 65_536;

/// Credentials of a connected process, at the time it connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub uid: u32,
    /// Primary and supplementary groups.
    pub groups: Vec<u32>,
}

/// A connection that knows its peer.
pub struct Connection {
    stream: UnixStream,
    peer: Option<Peer>,
    /// Fires when the server ends; looked at until the peer has said something.
    end: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Connection {
    /// Asks the kernel who is there. Who cannot be named is let in as nobody:
    /// it may read, as the socket's mode allows, and change nothing. When `end`
    /// fires, a peer that never said anything has hung up: HTTP/2 would wait for
    /// its first words before it can be told to go.
    pub fn new(stream: UnixStream, end: &CancellationToken) -> Self {
        let peer = peer_of(&stream)
            .inspect_err(|error| tracing::warn!(%error, "cannot tell who connected to the socket"))
            .ok();
        let end = Some(Box::pin(end.clone().cancelled_owned()));
        Connection { stream, peer, end }
    }
}

impl Connected for Connection {
    type ConnectInfo = Option<Peer>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.peer.clone()
    }
}

fn peer_of(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = stream.peer_cred()?;
    let mut groups = supplementary_groups(stream.as_raw_fd())?;
    groups.push(credentials.gid());
    Ok(Peer {
        uid: credentials.uid(),
        groups,
    })
}

fn supplementary_groups(socket: RawFd) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut bytes = libc::socklen_t::try_from(size_of_val(&groups[..]))
            .map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: `groups` has room for `bytes` bytes and both outlive the call;
        // the kernel writes at most that many and stores how many it wrote or needs.
        let result = unsafe {
            libc::getsockopt(
                socket,
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let count = bytes as usize / size_of::<libc::gid_t>();
        if result == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || count <= groups.len() || count > GROUPS_MAX
        {
            return Err(error);
        }
        groups.resize(count, 0);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        match (&read, &mut self.end) {
            (Poll::Pending, Some(end)) => end.as_mut().poll(cx).map(Ok),
            (Poll::Ready(_), end) if buf.filled().len() > before => {
                *end = None;
                read
            }
            _ => read,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_names_this_very_process_as_the_peer() {
        let (here, _there) = UnixStream::pair().unwrap();
        let peer = peer_of(&here).unwrap();
        assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
        assert!(peer.groups.contains(&nix::unistd::getegid().as_raw()));
        for group in nix::unistd::getgroups().unwrap() {
            assert!(peer.groups.contains(&group.as_raw()), "{group}");
        }
    }
}
