//! Where a download may not go, judged by the address that is connected to:
//! whatever a name resolves to, whichever redirect led there.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::{fmt, io};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// A kind of address that downloads may be kept from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denied {
    /// This host itself.
    Loopback,
    /// The host's own network segment, without any router.
    LinkLocal,
    /// Where cloud providers hand out credentials to whoever asks from inside.
    Metadata,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Denied::Loopback => "loopback",
            Denied::LinkLocal => "link-local",
            Denied::Metadata => "metadata",
        })
    }
}

/// Of cloud providers: most of them, Alibaba, Azure, Oracle, Scaleway.
const METADATA_V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(169, 254, 42, 42),
];
/// Amazon, Google, Scaleway.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

impl Denied {
    fn covers(self, address: IpAddr) -> bool {
        match (self, address) {
            // 0.0.0.0 and :: are this host too: connecting to them reaches it.
            (Denied::Loopback, IpAddr::V4(v4)) => v4.is_loopback() || v4.octets()[0] == 0,
            (Denied::Loopback, IpAddr::V6(v6)) => v6.is_loopback() || v6.is_unspecified(),
            (Denied::LinkLocal, IpAddr::V4(v4)) => v4.is_link_local(),
            (Denied::LinkLocal, IpAddr::V6(v6)) => v6.is_unicast_link_local(),
            (Denied::Metadata, IpAddr::V4(v4)) => METADATA_V4.contains(&v4),
            (Denied::Metadata, IpAddr::V6(v6)) => METADATA_V6.contains(&v6),
        }
    }
}

/// Why this address is not connected to, if so.
pub fn denied(address: IpAddr, deny: &[Denied]) -> Option<Denied> {
    let forms = [Some(address), carried(address).map(IpAddr::V4)];
    let covers = |kind: &&Denied| forms.iter().flatten().any(|form| kind.covers(*form));
    deny.iter().find(covers).copied()
}

/// The IPv4 address inside an IPv6 one that leads to it: mapped, compatible,
/// 6to4, NAT64.
fn carried(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(v4(g, h)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// All addresses a name has are denied.
#[derive(Debug, thiserror::Error)]
#[error("its address {address} is {kind}")]
pub struct DeniedError {
    pub address: IpAddr,
    pub kind: Denied,
}

/// Looks names up as the host does and leaves out what is denied: a connection
/// is made to nothing but its answer.
#[derive(Debug)]
pub(super) struct Gate {
    pub deny: Vec<Denied>,
}

impl Resolver for Gate {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = match (uri.port_u16(), uri.scheme_str()) {
            (Some(port), _) => port,
            (None, Some("https")) => 443,
            (None, _) => 80,
        };
        // Time is kept by the parent: no thread is needed to give up waiting.
        let found = (host.trim_matches(['[', ']']), port).to_socket_addrs()?;
        let mut allowed = self.empty();
        let mut refused = None;
        for address in found.take(16) {
            match denied(address.ip(), &self.deny) {
                None => allowed.push(address),
                Some(kind) => refused = refused.or(Some((address, kind))),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some((address, kind))) => Err(refusal(address, kind)),
            (true, None) => Err(ureq::Error::HostNotFound),
        }
    }
}

fn refusal(address: SocketAddr, kind: Denied) -> ureq::Error {
    let address = address.ip();
    let error = DeniedError { address, kind };
    ureq::Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Denied; 3] = [Denied::Loopback, Denied::LinkLocal, Denied::Metadata];

    #[test]
    fn n11_an_address_is_denied_in_every_form_it_has() {
        for (address, kind) in [
            ("127.0.0.1", Denied::Loopback),
            ("127.255.0.9", Denied::Loopback),
            ("0.0.0.0", Denied::Loopback),
            ("::1", Denied::Loopback),
            ("::", Denied::Loopback),
            ("::ffff:127.0.0.1", Denied::Loopback),
            ("::127.0.0.1", Denied::Loopback),
            ("64:ff9b::7f00:1", Denied::Loopback),
            ("2002:7f00:1::", Denied::Loopback),
            ("169.254.1.1", Denied::LinkLocal),
            ("::ffff:169.254.169.254", Denied::LinkLocal),
            ("fe80::1", Denied::LinkLocal),
            ("100.100.100.200", Denied::Metadata),
            ("fd00:ec2::254", Denied::Metadata),
            ("::ffff:168.63.129.16", Denied::Metadata),
        ] {
            assert_eq!(
                denied(address.parse().unwrap(), &ALL),
                Some(kind),
                "{address}"
            );
        }
        for address in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert_eq!(denied(address.parse().unwrap(), &ALL), None, "{address}");
        }
    }

    #[test]
    fn each_kind_is_denied_on_its_own() {
        let metadata = "169.254.169.254".parse().unwrap();
        assert_eq!(
            denied(metadata, &[Denied::Metadata]),
            Some(Denied::Metadata)
        );
        assert_eq!(denied(metadata, &[Denied::Loopback]), None);
        assert_eq!(denied("127.0.0.1".parse().unwrap(), &[]), None);
    }
}
