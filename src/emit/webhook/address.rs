//! Which addresses a webhook may connect to.
//!
//! A receiver's URL comes from a configuration, its addresses from a name server
//! that somebody else may control. So the check is on the resolved address, and
//! the connection goes to the very address that was checked: a name that
//! resolves to something else a moment later gains nothing.

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// An address that may not be connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The URL has no host.
    #[error("webhook url names no host: write it like https://host/path")]
    NoHost,
    /// The URL's scheme is neither `https` nor `http`.
    #[error("webhook url has scheme {scheme:?}: use https")]
    Scheme {
        /// As written.
        scheme: String,
    },
    /// None of the addresses is allowed.
    #[error(
        "webhook host {host} has only addresses that are not allowed ({addresses}): \
         list their range in `allow_private` if they are meant"
    )]
    Refused {
        /// The host.
        host: String,
        /// What it resolved to.
        addresses: String,
    },
    /// The name cannot be resolved.
    #[error("webhook host {host} cannot be resolved: {problem}")]
    Unresolved {
        /// The host.
        host: String,
        /// What the resolver says.
        problem: String,
    },
}

/// What may be connected to: public addresses over TLS, and listed ranges.
#[derive(Clone, Debug)]
pub struct AddressPolicy {
    allow_private: Arc<[IpNet]>,
    encrypted: bool,
}

impl AddressPolicy {
    /// Listed ranges are allowed, and when the connection is `encrypted` all public addresses.
    pub fn new(allow_private: Vec<IpNet>, encrypted: bool) -> AddressPolicy {
        AddressPolicy { allow_private: allow_private.into(), encrypted }
    }

    /// Checks what can be known before a name is resolved: scheme, and addresses written out.
    ///
    /// # Errors
    /// When the URL can never be posted to.
    pub fn check_url(&self, url: &Url) -> Result<(), AddressError> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(AddressError::Scheme { scheme: url.scheme().to_owned() });
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::NoHost)?;
        // Brackets are the URL's way to write an IPv6 address, not part of it.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !self.permits(address) => Err(refused(host, &[address])),
            _ => Ok(()),
        }
    }

    /// Whether this address may be connected to.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow_private.iter().any(|range| range.contains(&address))
            || (self.encrypted && is_public(address))
    }

    fn permitted(&self, host: &str, all: Vec<SocketAddr>) -> Result<Addrs, AddressError> {
        let (good, bad): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|address| self.permits(address.ip()));
        if good.is_empty() {
            let bad: Vec<IpAddr> = bad.iter().map(SocketAddr::ip).collect();
            return Err(refused(host, &bad));
        }
        Ok(Box::new(good.into_iter()))
    }
}

fn refused(host: &str, addresses: &[IpAddr]) -> AddressError {
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    AddressError::Refused { host: host.to_owned(), addresses: addresses.join(", ") }
}

impl Resolve for AddressPolicy {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| {
                let problem = error.to_string();
                AddressError::Unresolved { host: host.to_owned(), problem }
            })?;
            Ok(policy.permitted(host, found.collect())?)
        })
    }
}

/// Whether an address is one of the open network's, by IANA's registries of special ranges.
///
/// Metadata services of clouds hide in link-local, unique-local and shared ranges, all of
/// which are special; the one that does not is listed by itself.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Whether a URL leads to an address that is not public, as far as it says so itself: other names
/// are resolved when they are posted to.
pub fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    match name.parse::<IpAddr>() {
        Ok(address) => !is_public(address),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let special = match (a, b, c, d) {
        // This network, private, loopback, multicast, reserved, broadcast.
        (0 | 10 | 127 | 224.., ..) => true,
        // Shared by carriers (CGNAT).
        (100, 64..=127, ..) => true,
        // Link-local, and with it most metadata services.
        (169, 254, ..) => true,
        (172, 16..=31, ..) | (192, 168, ..) => true,
        // Protocol assignments, documentation, 6to4 relays.
        (192, 0, 0 | 2, _) | (192, 88, 99, _) => true,
        // Benchmarks, documentation.
        (198, 18..=19, ..) | (198, 51, 100, _) | (203, 0, 113, _) => true,
        // Azure's wire server has a public number.
        (168, 63, 129, 16) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = Ipv4Addr::from((u32::from(segments[6]) << 16) | u32::from(segments[7]));
    match segments {
        // NAT64 reaches the IPv4 address in its last 32 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => is_public_v4(embedded),
        // Protocol assignments with Teredo, documentation, 6to4.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => false,
        [0x3fff, 0..=0xfff, ..] => false,
        // Everything else of the global unicast range; whatever lies outside it is special.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(ranges: &[&str], encrypted: bool) -> AddressPolicy {
        AddressPolicy::new(ranges.iter().map(|range| range.parse().unwrap()).collect(), encrypted)
    }

    #[test]
    fn a_url_says_whether_it_leads_to_a_private_address() {
        for (url, expected) in [
            ("http://127.0.0.1:9000/hook", true),
            ("http://[::1]/hook", true),
            ("http://10.1.2.3/hook", true),
            ("http://localhost/hook", true),
            ("http://pager.localhost/hook", true),
            ("http://8.8.8.8/hook", false),
            ("http://pager.example/hook", false),
        ] {
            assert_eq!(is_private(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn special_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "168.63.129.17",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.1.1.1",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn plain_http_goes_to_listed_ranges_only() {
        let listed = policy(&["10.1.0.0/16", "fd00::/8"], false);
        assert!(listed.permits("10.1.2.3".parse().unwrap()));
        assert!(listed.permits("::ffff:10.1.2.3".parse().unwrap()), "one address, two spellings");
        assert!(listed.permits("fd12::1".parse().unwrap()));
        assert!(!listed.permits("10.2.0.1".parse().unwrap()));
        assert!(!listed.permits("8.8.8.8".parse().unwrap()));
        assert!(policy(&[], true).permits("8.8.8.8".parse().unwrap()));
        assert!(!policy(&[], true).permits("10.1.2.3".parse().unwrap()));
    }

    #[test]
    fn addresses_in_a_url_are_checked_however_they_are_written() {
        let refuses = |url: &str| {
            policy(&[], true).check_url(&Url::parse(url).unwrap()).err().map(|e| e.to_string())
        };
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]:8443/hook",
            "https://[::ffff:169.254.169.254]/latest",
            "https://user:pass@10.0.0.1/",
        ] {
            assert!(refuses(url).unwrap().contains("allow_private"), "{url}");
        }
        assert_eq!(refuses("https://hooks.example/path"), None);
        assert_eq!(refuses("https://8.8.8.8/path"), None);
        assert!(refuses("ftp://hooks.example/").unwrap().contains("ftp"));
        let listed = policy(&["127.0.0.0/8"], false);
        assert_eq!(listed.check_url(&Url::parse("http://127.0.0.1:9/").unwrap()), Ok(()));
    }

    #[test]
    fn only_permitted_addresses_of_a_name_are_used() {
        let sockets = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
        };
        let policy = policy(&[], true);
        let used = policy.permitted("h", sockets(&["10.0.0.1", "8.8.8.8", "::1"])).ok().unwrap();
        assert_eq!(used.collect::<Vec<_>>(), sockets(&["8.8.8.8"]));
        let error = policy.permitted("h", sockets(&["10.0.0.1", "::1"])).err().unwrap();
        assert!(error.to_string().contains("10.0.0.1, ::1"), "{error}");
        assert!(policy.permitted("h", Vec::new()).is_err());
    }

    #[tokio::test]
    async fn a_name_is_checked_after_it_is_resolved() {
        let resolve = |policy: AddressPolicy| policy.resolve("localhost".parse().unwrap());
        let error = resolve(policy(&[], true)).await.err().unwrap();
        assert!(error.to_string().contains("not allowed"), "{error}");
        let ranges = ["127.0.0.0/8", "::1/128"];
        assert!(resolve(policy(&ranges, false)).await.unwrap().next().is_some());
    }
}
