//! Who may do what: root, the agent's own user, and members of one group
//! (supplementary groups count) change; where readers are named, they read and
//! nobody else does; where none are, whoever the socket's mode lets in reads.

use super::peer::Peer;
use super::refusal::refuse;
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::{Code, Request, Status};

/// A name service that does not answer by then is not waited for.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// The rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The agent's own user.
    pub uid: u32,
    /// Members may change things too.
    pub group: Option<u32>,
    /// Users that may read; `None`: all that can open the socket.
    pub readers: Option<BTreeSet<u32>>,
}

/// What a caller may do; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Nobody,
    Reader,
    /// A member of the group: may change what the rules of trust allow.
    Member,
    /// Root or the agent's own user.
    Owner,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// `None` where the kernel could not tell.
    pub uid: Option<u32>,
    pub user: String,
    pub role: Role,
}

impl Access {
    /// Root, this process' user, `group`, and `readers`.
    pub fn new(group: Option<u32>, readers: Option<BTreeSet<u32>>) -> Self {
        Access {
            uid: nix::unistd::geteuid().as_raw(),
            group,
            readers,
        }
    }

    pub(super) fn role<T>(&self, request: &Request<T>) -> Role {
        let Some(peer) = peer(request) else {
            return match self.readers {
                Some(_) => Role::Nobody,
                None => Role::Reader,
            };
        };
        let is_member = |group: u32| peer.groups.contains(&group);
        let is_reader = |readers: &BTreeSet<u32>| readers.contains(&peer.uid);
        if peer.uid == 0 || peer.uid == self.uid {
            Role::Owner
        } else if self.group.is_some_and(is_member) {
            Role::Member
        } else if self.readers.as_ref().is_none_or(is_reader) {
            Role::Reader
        } else {
            Role::Nobody
        }
    }

    /// Who asks, by name.
    pub(super) async fn caller<T>(&self, request: &Request<T>) -> Caller {
        let uid = peer(request).map(|peer| peer.uid);
        let role = self.role(request);
        let user = match uid {
            Some(uid) => user_name(uid).await,
            None => "an unknown caller".to_owned(),
        };
        Caller { uid, user, role }
    }

    /// Why `caller` may not, and who may.
    pub(super) fn refusal(&self, caller: &Caller, wanted: Role) -> Status {
        let what = match wanted {
            Role::Nobody | Role::Reader => "look at",
            Role::Member | Role::Owner => "change",
        };
        let group = self.group.filter(|_| wanted != Role::Owner);
        let group = group.map_or(String::new(), |gid| {
            format!(", and members of group {}", group_name(gid))
        });
        refuse(
            Code::PermissionDenied,
            format!(
                "{} may not {what} anything here: root and the agent's own user may{group}",
                caller.user
            ),
            "run it with sudo, or ask to be added to the group or to [grpc] readers",
        )
    }
}

fn peer<T>(request: &Request<T>) -> Option<&Peer> {
    request.extensions().get::<Option<Peer>>()?.as_ref()
}

fn group_name(gid: u32) -> String {
    nix::unistd::Group::from_gid(gid.into())
        .ok()
        .flatten()
        .map_or_else(|| gid.to_string(), |group| group.name)
}

/// The account's name, else its number. Looked up on a thread of its own: the
/// name service may ask the network.
async fn user_name(uid: u32) -> String {
    let look_up = move || nix::unistd::User::from_uid(uid.into()).ok().flatten();
    let found = tokio::task::spawn_blocking(look_up);
    match tokio::time::timeout(NAME_PATIENCE, found).await {
        Ok(Ok(Some(user))) => user.name,
        _ => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uid: u32, groups: &[u32]) -> Request<()> {
        let groups = groups.to_vec();
        let mut request = Request::new(());
        request.extensions_mut().insert(Some(Peer { uid, groups }));
        request
    }

    #[test]
    fn c02_root_the_own_user_and_members_of_the_group_may_change_and_nobody_else() {
        let mut access = Access {
            uid: 1000,
            group: Some(42),
            readers: None,
        };
        let table = [
            (0, &[][..], Role::Owner, Role::Owner),
            (1000, &[], Role::Owner, Role::Owner),
            (1001, &[7, 42], Role::Member, Role::Member),
            (1001, &[7], Role::Reader, Role::Nobody),
            (1002, &[7], Role::Reader, Role::Reader),
            (1002, &[42], Role::Member, Role::Member),
        ];
        for (uid, groups, without, with) in table {
            access.readers = None;
            assert_eq!(
                access.role(&request(uid, groups)),
                without,
                "{uid} {groups:?}"
            );
            access.readers = Some(BTreeSet::from([1002]));
            assert_eq!(access.role(&request(uid, groups)), with, "{uid} {groups:?}");
        }
    }

    #[test]
    fn c02_who_cannot_be_named_changes_nothing_and_reads_only_what_all_may() {
        let mut access = Access::new(Some(42), None);
        let mut unknown = Request::new(());
        assert_eq!(access.role(&unknown), Role::Reader);
        access.readers = Some(BTreeSet::new());
        unknown.extensions_mut().insert(None::<Peer>);
        assert_eq!(access.role(&unknown), Role::Nobody);
    }

    #[test]
    fn c02_without_a_group_membership_helps_nobody() {
        let access = Access {
            uid: 1000,
            group: None,
            readers: None,
        };
        assert_eq!(access.role(&request(1001, &[0, 42])), Role::Reader);
    }
}
