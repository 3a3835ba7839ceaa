//! Where a step's PID 1 begins: the namespaces it is cloned into.
//!
//! A network namespace costs more than all others together, so the server keeps
//! those of root's build users, each used by one step at a time. One is used
//! again only while it is as new: nothing was ever sent over its loopback, and
//! no socket is left in it. Only root may keep them: an ordinary user's belong to
//! the user namespace of the step.

use super::spec::User;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::Mode;
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

/// What a step sees of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// The host's.
    Host,
    /// A loopback interface that PID 1 brings up.
    New,
    /// A loopback interface that is up, of this build user's steps.
    Kept(u32),
}

impl Network {
    pub fn of(network: bool, user: User) -> Self {
        match (network, user) {
            (true, _) => Network::Host,
            (false, User::Caller) => Network::New,
            (false, User::Build(id)) => Network::Kept(id),
        }
    }
}

/// For the fork server, and back: a build user's uid is never one of the two others.
impl From<Network> for u64 {
    fn from(network: Network) -> u64 {
        match network {
            Network::Host => 0,
            Network::New => 1,
            Network::Kept(id) => id.into(),
        }
    }
}

impl From<u64> for Network {
    fn from(place: u64) -> Self {
        match (place, u32::try_from(place)) {
            (0, _) => Network::Host,
            (2.., Ok(id)) => Network::Kept(id),
            _ => Network::New,
        }
    }
}

/// The server's: its own network, and those it keeps.
pub(super) struct Places {
    host: OwnedFd,
    /// This process is in one of them.
    away: bool,
    kept: BTreeMap<u32, OwnedFd>,
}

impl Places {
    /// Call where the network is the host's.
    pub fn new() -> nix::Result<Self> {
        Ok(Places {
            host: own_network()?,
            away: false,
            kept: BTreeMap::new(),
        })
    }

    /// Brings this process to a step's network; what the step's PID 1 is to get
    /// for itself.
    pub fn enter(&mut self, network: Network) -> nix::Result<CloneFlags> {
        let always = CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS;
        match network {
            Network::Host => self.return_home()?,
            Network::New => return Ok(always | CloneFlags::CLONE_NEWNET),
            Network::Kept(user) => self.enter_kept(user)?,
        }
        Ok(always)
    }

    fn return_home(&mut self) -> nix::Result<()> {
        if self.away {
            setns(&self.host, CloneFlags::CLONE_NEWNET)?;
            self.away = false;
        }
        Ok(())
    }

    fn enter_kept(&mut self, user: u32) -> nix::Result<()> {
        self.away = true;
        if let Some(network) = self.kept.get(&user) {
            setns(network, CloneFlags::CLONE_NEWNET)?;
            if is_as_new() {
                return Ok(());
            }
        }
        unshare(CloneFlags::CLONE_NEWNET)?;
        loopback_up()?;
        self.kept.insert(user, own_network()?);
        Ok(())
    }
}

fn own_network() -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    open("/proc/self/ns/net", flags, Mode::empty())
}

/// Nothing went over the loopback of this network, and no socket is left in it:
/// one may be, without a process, on its way through another. No counter, no
/// connection that lingers, no name that is taken can tell that somebody was here.
fn is_as_new() -> bool {
    let nothing_sent = fs::read_to_string("/proc/self/net/dev").is_ok_and(|text| {
        let loopback = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("lo:"));
        loopback.is_some_and(|counts| counts.split_whitespace().all(|count| count == "0"))
    });
    // A line of headings, and one for each socket.
    let no_socket =
        fs::read_to_string("/proc/self/net/unix").is_ok_and(|text| text.lines().count() == 1);
    nothing_sent && no_socket
}

/// Brings up the loopback interface of this process's network.
pub(super) fn loopback_up() -> nix::Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: an all-zero ifreq is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: the request outlives the call and has the type it expects.
    let answer = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS as _,
            &raw const request,
        )
    };
    Errno::result(answer).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_number() {
        for network in [Network::Host, Network::New, Network::Kept(60_600)] {
            assert_eq!(Network::from(u64::from(network)), network);
        }
    }
}
