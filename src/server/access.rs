//! Who may change things: root, the agent's own user, and members of one group
//! (supplementary groups count). Whoever the socket's mode lets in may read.

use super::peer::Peer;
use super::refusal::refuse;
use tonic::{Code, Request, Status};

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The agent's own user.
    pub uid: u32,
    /// Members may change things too.
    pub group: Option<u32>,
}

impl Access {
    /// Root, this process' user and `group`.
    pub fn new(group: Option<u32>) -> Self {
        Access {
            uid: nix::unistd::geteuid().as_raw(),
            group,
        }
    }

    fn allows(&self, peer: &Peer) -> bool {
        peer.uid == 0
            || peer.uid == self.uid
            || self.group.is_some_and(|group| peer.groups.contains(&group))
    }

    /// The caller's name, if they may change things.
    ///
    /// # Errors
    /// PERMISSION_DENIED, saying who may.
    pub(super) async fn may_change<T>(&self, request: &Request<T>) -> Result<String, Status> {
        let peer = request
            .extensions()
            .get::<Option<Peer>>()
            .and_then(Option::as_ref);
        match peer {
            Some(peer) if self.allows(peer) => Ok(user_name(peer.uid).await),
            Some(peer) => {
                let name = user_name(peer.uid).await;
                tracing::warn!(uid = peer.uid, user = name, "refused a change");
                Err(self.refusal(&name))
            }
            None => Err(self.refusal("an unknown caller")),
        }
    }

    fn refusal(&self, who: &str) -> Status {
        let group = self.group.map_or(String::new(), |gid| {
            format!(", and members of group {}", group_name(gid))
        });
        refuse(
            Code::PermissionDenied,
            format!("{who} may not change anything here: root and the agent's own user may{group}"),
            "run it with sudo, or ask to be added to the group",
        )
    }
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
    match tokio::task::spawn_blocking(look_up).await {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(peer: Option<Peer>) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(peer);
        request
    }

    #[tokio::test]
    async fn c02_root_the_own_user_and_members_of_the_group_may_change_and_nobody_else() {
        let access = Access {
            uid: 1000,
            group: Some(42),
        };
        let peer = |uid, groups: &[u32]| {
            Some(Peer {
                uid,
                groups: groups.to_vec(),
            })
        };
        for (who, allowed) in [
            (peer(0, &[]), true),
            (peer(1000, &[]), true),
            (peer(1001, &[7, 42]), true),
            (peer(1001, &[7]), false),
            (None, false),
        ] {
            let answer = access.may_change(&request(who.clone())).await;
            assert_eq!(answer.is_ok(), allowed, "{who:?}");
        }
    }

    #[tokio::test]
    async fn c02_without_a_group_membership_helps_nobody() {
        let access = Access {
            uid: 1000,
            group: None,
        };
        let peer = Some(Peer {
            uid: 1001,
            groups: vec![0, 42],
        });
        let refusal = access.may_change(&request(peer)).await.unwrap_err();
        assert_eq!(refusal.code(), Code::PermissionDenied);
    }
}
