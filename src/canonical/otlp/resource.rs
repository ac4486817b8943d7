//! Who sends: what of a resource tells one instance from another.

use super::super::intake::{Intake, Labels};
use super::super::native::Refusal;
use super::super::protobuf::Fields;
use super::super::reject::{Code, Quality};
use super::super::source::Limits;
use super::any::{self, Texts};
use xxhash_rust::xxh3::xxh3_128;

/// Attributes of a resource that become labels; the others, such as versions and the paths of
/// programs, change while the instance stays what it is.
const SELECTED: [&str; 18] = [
    "cloud.region",
    "container.name",
    "deployment.environment",
    "deployment.environment.name",
    "faas.name",
    "host.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.statefulset.name",
    "service.instance.id",
    "service.namespace",
];
/// What the service is called.
const SERVICE: &str = "service.name";
/// What programs call their service when nobody told them its name.
const NAMELESS: &str = "unknown_service";

/// A resource.
pub(super) struct Resource<'a> {
    /// Its labels.
    pub(super) labels: Texts<'a>,
    /// Tells its bytes from those of others.
    pub(super) hash: u128,
}

impl<'a> Resource<'a> {
    /// Reads one.
    pub(super) fn read(bytes: &'a [u8], limits: Limits) -> Result<Self, Refusal> {
        let mut labels = Texts::new();
        let mut count = 0;
        for field in Fields::of(bytes) {
            let (1, value) = field? else { continue };
            count += 1;
            let (key, any) = any::attribute(value.bytes()?)?;
            if SELECTED.binary_search(&key).is_ok() || key == SERVICE {
                let text = any::text(any, limits.depth_max)?;
                if key != SERVICE || !text.starts_with(NAMELESS) {
                    labels.push((key, text));
                }
            }
        }
        if count > limits.keys_max {
            return Err(Refusal::new(Code::E006, "resource", "the resource has too many keys"));
        }
        Ok(Resource { labels, hash: xxh3_128(bytes) })
    }

    /// Says what runs where, unless that was said a moment ago.
    pub(super) fn tell(&self, intake: &mut Intake) {
        let Some(stretch) = intake.unheard(self.hash) else { return };
        let (mut labels, mut quality) = (Labels::new(), Quality::default());
        for (key, text) in &self.labels {
            labels.push(key, text, &mut quality);
        }
        intake.hear_resource(labels, stretch);
    }

    /// The namespace of its service, if it has one.
    pub(super) fn namespace(&self) -> Option<&str> {
        let found = self.labels.iter().rfind(|(key, _)| *key == "service.namespace")?;
        Some(found.1.as_ref()).filter(|namespace| !namespace.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_are_in_order() {
        assert!(SELECTED.is_sorted());
    }
}
