//! A room: namespaces that the steps of one user have in common, one after the other.
//!
//! ```text
//!   set up ──▶ as new? ──vfork──▶ PID 1 makes ready, waits ──step──▶ runs it ──▶ nobody left
//!                 ▲                                                                  │
//!                 └──────────────────────────────────────────────────────────────────┘
//! ```
//! A PID 1 waits for each next step: most of what it mounts is the same for all, and is
//! there when the step comes.
//!
//! The user, the network and the private root are the same for all of them, and to
//! make these costs more than a small step does. What a step could leave to the next
//! it has for itself: processes, mounts, shared memory, and all that it may write to
//! (`step_root.rs`). The network is used again only while it is as new.
//!
//! The room's process has no right over the host: it is the build user, or the agent's
//! own; within, it has the rights to mount, which each step's PID 1 gives up.

use super::backstage::{self, place};
use super::root::Root;
use super::spec::{Attempt, RoomSpec, SetupError};
use super::view::{View, Wanted};
use super::{privileges, userns};
use crate::process::Stack;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;

/// The process whose memory steps' PID 1 have in turn.
pub(super) struct Room {
    /// What the kernel said of the network when it was new; none: it is the host's.
    network: Option<Vec<Vec<u8>>>,
    /// Where the host's folders are, once a PID 1 has none of them itself.
    pub mounts: Option<File>,
    /// Bytes of a step's scratch space, where it lies in memory.
    pub in_memory: Option<u64>,
    /// No step can make a user namespace.
    pub closed: bool,
    /// Of a step's first process before its program.
    pub stack: Stack,
    pub view: Option<View>,
    /// What the last step's agent wants for the next one.
    pub next: Change,
}

/// Of a room's view.
pub(super) enum Change {
    None,
    Leave,
    Make(Box<Wanted>),
}

/// A few calls deep.
const STACK: usize = 1 << 16;

impl Room {
    /// Leaves the host with this process. `admit` comes back when the agent has
    /// mapped its user.
    ///
    /// # Errors
    /// What this host does not allow, or what is not there.
    pub fn enter(
        spec: &RoomSpec,
        admit: impl FnOnce() -> io::Result<()>,
    ) -> Result<Self, SetupError> {
        let always = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
        let network = match spec.network {
            true => CloneFlags::empty(),
            false => CloneFlags::CLONE_NEWNET,
        };
        unshare(always | network).attempt(|| "make the namespaces of a step".into())?;
        admit().attempt(|| "have the step's user mapped".into())?;
        nix::unistd::sethostname("localhost").attempt(|| "set the host name".into())?;
        if !spec.network {
            loopback_up().attempt(|| "bring the loopback interface up".into())?;
        }
        let root = Root::claim(spec)?;
        // It keeps its capabilities over the namespaces: its uid was no root there.
        userns::become_step_user(spec.user)?;
        root.fill()?;
        privileges::rule_out_capabilities()?;
        // The steps have the same uid: they shall not look into this process.
        nix::sys::prctl::set_dumpable(false).attempt(|| "close PID 1 to the step".into())?;
        Ok(Room {
            network: (!spec.network).then(traces),
            mounts: backstage::namespace()?,
            in_memory: spec.in_memory,
            closed: false,
            stack: Stack::new(STACK).attempt(|| "make a stack".into())?,
            view: None,
            next: Change::None,
        })
    }

    /// Makes the room as new; what the next step's PID 1 is to get for itself.
    ///
    /// # Errors
    /// When it cannot be made as new.
    pub fn renew(&mut self) -> io::Result<CloneFlags> {
        self.change_view().map_err(|error| error.source)?;
        if let Some(network) = &mut self.network
            && *network != traces()
        {
            unshare(CloneFlags::CLONE_NEWNET)?;
            loopback_up()?;
            *network = traces();
        }
        Ok(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC)
    }

    fn change_view(&mut self) -> Result<(), SetupError> {
        let wanted = match std::mem::replace(&mut self.next, Change::None) {
            Change::None => return Ok(()),
            Change::Leave => None,
            Change::Make(wanted) => Some(wanted),
        };
        if self.view.take().is_some() {
            View::leave()?;
        }
        self.view = wanted.map(|wanted| View::make(*wanted)).transpose()?;
        Ok(())
    }
}

/// All that a step could tell by that another was in its network: what went over the
/// loopback, sockets (one may be left without a process, on its way through another),
/// what was refused, labels of flows. What is not there leaves no trace.
fn traces() -> Vec<Vec<u8>> {
    const TRACES: [&str; 6] = ["dev", "unix", "snmp", "snmp6", "netstat", "ip6_flowlabel"];
    let files = TRACES.map(|file| place("proc/self/net").join(file));
    let texts = files.iter().map(|file| fs::read(file).unwrap_or_default());
    texts.collect()
}

/// Brings up the loopback interface of this process's network.
fn loopback_up() -> nix::Result<()> {
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
