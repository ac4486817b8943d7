//! Whom a span asks, from what semantic conventions have its attributes say.
//!
//! | attributes, the first that is there decides | entity |
//! |---|---|
//! | `service.peer.name` or `peer.service`, with `service.peer.namespace` | `service:namespace/name` |
//! | `db.system.name` or `db.system`, with `db.namespace` or `db.name` | `database:namespace/name` |
//! | `messaging.destination.name` | `queue:namespace/name` |
//! | `rpc.service` | `service:namespace/name` |
//! | `server.address` or `net.peer.name` | `service:namespace/name`, or `host:address` |
//!
//! Where nothing names a namespace, that of the asking service stands for it. A database without a
//! name goes by the address of its server, else by its system. An address such as
//! `cart.shop.svc.cluster.local` names service and namespace.

use super::super::intake::DEFAULT_NAMESPACE;
use super::super::native::Refusal;
use super::super::protobuf::{Damage, Fields};
use super::any;
use std::net::IpAddr;

/// What the attributes say.
#[derive(Debug, Default)]
pub(super) struct Peer<'a> {
    service: &'a str,
    service_namespace: &'a str,
    system: &'a str,
    database: &'a str,
    destination: &'a str,
    rpc: &'a str,
    address: &'a str,
}

impl<'a> Peer<'a> {
    /// Reads the attributes that say something about it; those that are no texts do not.
    pub(super) fn read(attributes: impl Iterator<Item = &'a [u8]>) -> Result<Self, Refusal> {
        let mut peer = Peer::default();
        for bytes in attributes {
            let (key, value) = any::attribute(bytes)?;
            let place = match key {
                "service.peer.name" | "peer.service" => &mut peer.service,
                "service.peer.namespace" => &mut peer.service_namespace,
                "db.system.name" | "db.system" => &mut peer.system,
                "db.namespace" | "db.name" => &mut peer.database,
                "messaging.destination.name" => &mut peer.destination,
                "rpc.service" => &mut peer.rpc,
                "server.address" | "net.peer.name" => &mut peer.address,
                _ => continue,
            };
            let text = string(value)?;
            if !text.is_empty() {
                *place = text;
            }
        }
        Ok(peer)
    }

    /// The entity, for an asker in `namespace`; empty when nothing names it.
    pub(super) fn entity(&self, namespace: Option<&str>) -> String {
        let own = namespace.unwrap_or(DEFAULT_NAMESPACE);
        let named = |kind: &str, namespace: &str, name: &str| match name.contains('/') {
            true => format!("{kind}:{name}"),
            false => format!("{kind}:{namespace}/{name}"),
        };
        if !self.service.is_empty() {
            let namespace =
                if self.service_namespace.is_empty() { own } else { self.service_namespace };
            return named("service", namespace, self.service);
        }
        if !self.system.is_empty() {
            let names = [self.database, self.address, self.system];
            let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
            return named("database", own, name);
        }
        if !self.destination.is_empty() {
            return named("queue", own, self.destination);
        }
        if !self.rpc.is_empty() {
            return named("service", own, self.rpc);
        }
        if self.address.is_empty() {
            return String::new();
        }
        if self.address.parse::<IpAddr>().is_ok() {
            return format!("host:{}", self.address);
        }
        let mut labels = self.address.split('.');
        match (labels.next(), labels.next(), labels.next()) {
            (Some(service), Some(namespace), Some("svc")) => named("service", namespace, service),
            _ => named("service", own, self.address),
        }
    }
}

/// A value that is a text.
fn string(value: &[u8]) -> Result<&str, Damage> {
    let mut text = "";
    for field in Fields::of(value) {
        if let (1, field) = field? {
            text = field.text()?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_there_decides() {
        let address = "cart.shop.svc.cluster.local";
        let all = Peer {
            service: "cart",
            system: "postgresql",
            database: "carts",
            destination: "orders",
            rpc: "shop.Cart",
            address,
            ..Peer::default()
        };
        let of = |peer: &Peer<'_>| peer.entity(Some("ns"));
        assert_eq!(of(&all), "service:ns/cart");
        assert_eq!(of(&Peer { service_namespace: "b", ..all }), "service:b/cart");
        let all = Peer { service: "", service_namespace: "", ..all };
        assert_eq!(of(&all), "database:ns/carts");
        let unnamed = Peer { system: "redis", address: "10.0.0.7", ..Peer::default() };
        assert_eq!(of(&unnamed), "database:ns/10.0.0.7");
        let all = Peer { system: "", ..all };
        assert_eq!(of(&all), "queue:ns/orders");
        let all = Peer { destination: "", ..all };
        assert_eq!(of(&all), "service:ns/shop.Cart");
        let all = Peer { rpc: "", ..all };
        assert_eq!(of(&all), "service:shop/cart");
        assert_eq!(
            Peer { address: "pay.example", ..Peer::default() }.entity(None),
            "service:default/pay.example"
        );
        assert_eq!(Peer { address: "::1", ..Peer::default() }.entity(None), "host:::1");
        assert_eq!(Peer::default().entity(None), "");
    }
}
