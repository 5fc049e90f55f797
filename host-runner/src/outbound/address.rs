//! Which resolved addresses may be connected to.
//!
//! An allowed host name may resolve to anything: its owner may point it at this machine, at the
//! network around it, or at a cloud's metadata service, which issues credentials. So the addresses
//! are checked after the lookup, and only allowed ones are connected to. Every address that is not
//! public is refused, also an IPv4 address within any kind of IPv6 address.
//!
//! | kind | allowed by |
//! |---|---|
//! | public | every permit |
//! | private (RFC 1918, unique local, carrier NAT) | `private: true` on the endpoint |
//! | loopback | `sandbox.allow_loopback: true` |
//! | everything else | nothing |

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// Reachable from anywhere.
    Public,
    /// RFC 1918, or IPv6 unique local.
    Private,
    /// 100.64.0.0/10, between a provider and its customers.
    CarrierNat,
    /// This machine.
    Loopback,
    /// This network segment.
    LinkLocal,
    /// A cloud's metadata service or its host agent.
    Metadata,
    /// 0.0.0.0/8 and `::`, which many systems treat as this machine.
    Unspecified,
    /// A group of machines.
    Multicast,
    /// Every machine of a segment.
    Broadcast,
    /// For examples only.
    Documentation,
    /// Reserved for other purposes.
    Reserved,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::CarrierNat => "a carrier's shared address",
            Self::Loopback => "an address of this machine",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Unspecified => "the unspecified address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "a broadcast address",
            Self::Documentation => "an address for documentation",
            Self::Reserved => "a reserved address",
        })
    }
}

/// Whether a permit allows addresses of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Loopback {
    /// Never.
    #[default]
    Refused,
    /// Also.
    Allowed,
    /// Nothing else: the URL has `localhost`, which must not resolve elsewhere.
    Required,
}

/// Which addresses a permit allows besides public ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reach {
    /// Private and carrier NAT addresses too.
    pub private: bool,
    /// Addresses of this machine.
    pub loopback: Loopback,
}

/// Whether `address` may be connected to; otherwise its kind.
pub fn judge_address(address: IpAddr, reach: Reach) -> Result<(), AddressKind> {
    let kind = classify(address);
    let admitted = match (kind, reach.loopback) {
        (AddressKind::Loopback, Loopback::Allowed | Loopback::Required) => true,
        (_, Loopback::Required) => false,
        (AddressKind::Public, _) => true,
        (AddressKind::Private | AddressKind::CarrierNat, _) => reach.private,
        _ => false,
    };
    if admitted { Ok(()) } else { Err(kind) }
}

/// The kind of `address`.
#[must_use]
pub fn classify(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// The special blocks are those of the IANA IPv4 special-purpose registry (RFC 6890 and after).
fn classify_v4(address: Ipv4Addr) -> AddressKind {
    match address.octets() {
        // AWS, Azure, GCP and others; Alibaba; Azure's host agent, which is a public address.
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] => AddressKind::Metadata,
        [0, ..] => AddressKind::Unspecified,
        [127, ..] => AddressKind::Loopback,
        [169, 254, ..] => AddressKind::LinkLocal,
        [10, ..] | [192, 168, ..] => AddressKind::Private,
        [172, b, ..] if b & 0xf0 == 16 => AddressKind::Private,
        [100, b, ..] if b & 0xc0 == 64 => AddressKind::CarrierNat,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressKind::Documentation,
        // Protocol assignments (with Oracle's metadata address), 6to4 relays, benchmarks.
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => AddressKind::Reserved,
        [255, 255, 255, 255] => AddressKind::Broadcast,
        [224..=239, ..] => AddressKind::Multicast,
        [240..=255, ..] => AddressKind::Reserved,
        _ => AddressKind::Public,
    }
}

/// The special blocks are those of the IANA IPv6 special-purpose registry.
fn classify_v6(address: Ipv6Addr) -> AddressKind {
    let inside = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        classify_v4(Ipv4Addr::new(a, b, c, d))
    };
    // A form that no public server needs is not public, whatever it contains.
    let obsolete = |kind| match kind {
        AddressKind::Public => AddressKind::Reserved,
        other => other,
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressKind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressKind::Loopback,
        // IPv4-mapped, translated (RFC 2765) and NAT64 (RFC 6052): the IPv4 address is the truth.
        [0, 0, 0, 0, 0, 0xffff, g, h]
        | [0, 0, 0, 0, 0xffff, 0, g, h]
        | [0x64, 0xff9b, 0, 0, 0, 0, g, h] => inside(g, h),
        // IPv4-compatible and 6to4.
        [0, 0, 0, 0, 0, 0, g, h] | [0x2002, g, h, ..] => obsolete(inside(g, h)),
        // Teredo, ORCHID and the rest of the protocol assignments; discard-only; local NAT64.
        [0x2001, 0..=0x1ff, ..] | [0x100, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => {
            AddressKind::Reserved
        }
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressKind::Documentation,
        // AWS and GCP.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            AddressKind::Metadata
        }
        [a, ..] if a & 0xfe00 == 0xfc00 => AddressKind::Private,
        [a, ..] if a & 0xffc0 == 0xfe80 => AddressKind::LinkLocal,
        [a, ..] if a & 0xff00 == 0xff00 => AddressKind::Multicast,
        // Everything that is handed out today lies in 2000::/3 (RFC 4291, 2.4).
        [a, ..] if a & 0xe000 != 0x2000 => AddressKind::Reserved,
        _ => AddressKind::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> AddressKind {
        classify(text.parse().unwrap())
    }

    #[test]
    fn every_block_is_what_the_registries_say() {
        for (address, expected) in [
            ("8.8.8.8", AddressKind::Public),
            ("2606:4700::1111", AddressKind::Public),
            ("127.0.0.1", AddressKind::Loopback),
            ("127.255.1.2", AddressKind::Loopback),
            ("::1", AddressKind::Loopback),
            ("0.0.0.0", AddressKind::Unspecified),
            ("0.1.2.3", AddressKind::Unspecified),
            ("::", AddressKind::Unspecified),
            ("169.254.1.1", AddressKind::LinkLocal),
            ("fe80::1", AddressKind::LinkLocal),
            ("169.254.169.254", AddressKind::Metadata),
            ("168.63.129.16", AddressKind::Metadata),
            ("fd00:ec2::254", AddressKind::Metadata),
            ("10.1.2.3", AddressKind::Private),
            ("172.16.0.1", AddressKind::Private),
            ("172.31.255.255", AddressKind::Private),
            ("172.32.0.1", AddressKind::Public),
            ("192.168.0.1", AddressKind::Private),
            ("fc00::1", AddressKind::Private),
            ("fd12:3456::1", AddressKind::Private),
            ("100.64.0.1", AddressKind::CarrierNat),
            ("100.128.0.1", AddressKind::Public),
            ("192.0.2.1", AddressKind::Documentation),
            ("2001:db8::1", AddressKind::Documentation),
            ("224.0.0.1", AddressKind::Multicast),
            ("ff02::1", AddressKind::Multicast),
            ("255.255.255.255", AddressKind::Broadcast),
            ("240.0.0.1", AddressKind::Reserved),
            ("192.0.0.192", AddressKind::Reserved),
            ("fec0::1", AddressKind::Reserved),
        ] {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_is_judged_as_what_it_is() {
        for (address, expected) in [
            ("::ffff:169.254.169.254", AddressKind::Metadata),
            ("::ffff:10.0.0.1", AddressKind::Private),
            ("::ffff:8.8.8.8", AddressKind::Public),
            ("::ffff:0:127.0.0.1", AddressKind::Loopback),
            ("::127.0.0.1", AddressKind::Loopback),
            ("::8.8.8.8", AddressKind::Reserved),
            ("64:ff9b::a9fe:a9fe", AddressKind::Metadata),
            ("64:ff9b::8.8.8.8", AddressKind::Public),
            ("64:ff9b:1::8.8.8.8", AddressKind::Reserved),
            ("2002:7f00:1::", AddressKind::Loopback),
        ] {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    fn admits(text: &str, private: bool, loopback: Loopback) -> bool {
        judge_address(text.parse().unwrap(), Reach { private, loopback }).is_ok()
    }

    #[test]
    fn the_default_admits_public_addresses_and_nothing_else() {
        assert!(admits("8.8.8.8", false, Loopback::Refused));
        for address in ["10.0.0.1", "127.0.0.1", "::1", "100.64.0.1", "fd00::1"] {
            assert!(!admits(address, false, Loopback::Refused), "{address}");
        }
    }

    #[test]
    fn private_opens_private_networks_and_never_the_metadata_service() {
        assert!(admits("10.0.0.1", true, Loopback::Refused));
        assert!(admits("100.64.0.1", true, Loopback::Refused));
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "fd00:ec2::254",
            "169.254.7.7",
            "0.0.0.0",
        ] {
            assert!(!admits(address, true, Loopback::Refused), "{address}");
        }
    }

    #[test]
    fn a_name_that_means_this_machine_must_lead_to_it() {
        assert!(admits("127.0.0.1", false, Loopback::Required));
        assert!(!admits("8.8.8.8", false, Loopback::Required));
        assert!(!admits("10.0.0.1", true, Loopback::Required));
        assert!(admits("8.8.8.8", false, Loopback::Allowed));
    }
}
