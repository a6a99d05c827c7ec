//! What is counted of changes: the snapshot in force, publishing, usage.

use prometheus::{Error, Histogram, IntCounter, IntGauge};

use super::Registrar;

/// The control plane's handles. Clones count into the same series.
#[derive(Clone, Debug)]
pub struct ControlMetrics {
    /// The revision in force.
    pub snapshot_revision: IntGauge,
    /// Seconds from a commit to the new snapshot in force.
    pub publish_duration: Histogram,
    /// Entries in force of credentials' lists (`kind="credential"`).
    pub credential_entries: IntGauge,
    /// Entries in force of named lists (`kind="named"`).
    pub named_entries: IntGauge,
    /// Entries whose usage waits for the store.
    pub usage_unflushed: IntGauge,
    /// Flushes of usage that the store did not take.
    pub usage_flush_failures: IntCounter,
}

impl ControlMetrics {
    pub(super) fn register(families: &Registrar) -> Result<Self, Error> {
        let entries = families.gauges(
            "portcullis_access_list_entries",
            "Entries in force, by the kind of list that holds them.",
            &["kind"],
        )?;
        Ok(Self {
            snapshot_revision: families
                .gauge("portcullis_snapshot_revision", "The revision in force.")?,
            publish_duration: families.publish_duration()?,
            credential_entries: entries.with_label_values(&["credential"]),
            named_entries: entries.with_label_values(&["named"]),
            usage_unflushed: families.gauge(
                "portcullis_usage_unflushed",
                "Entries whose usage waits to be written to the store.",
            )?,
            usage_flush_failures: families.counter(
                "portcullis_usage_flush_failures_total",
                "Flushes of usage that the store did not take; they are sent again.",
            )?,
        })
    }
}
