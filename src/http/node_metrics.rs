//! The figures of a node, in the text format of Prometheus.

use crate::delivery::Hub;
use crate::domain::Indexer;
use crate::log::Log;
use metrics::{describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

/// The figures of one node. They are read on each request and have a recorder of their own, so that several nodes in one
/// process do not mix.
pub struct NodeMetrics {
    recorder: PrometheusRecorder,
    log: Log,
    hub: Hub,
    indexer: Indexer,
}

impl NodeMetrics {
    /// Describes all figures.
    pub fn new(log: Log, hub: Hub, indexer: Indexer) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&recorder, || {
            describe_gauge!("longwave_log_head", "Position of the last event of the log that this node has delivered.");
            describe_gauge!("longwave_streams", "Streams that are open on this node.");
            describe_gauge!("longwave_waiting_polls", "Long polls that wait on this node.");
            describe_gauge!("longwave_writer_queue", "Writes that wait for the log on this node.");
            describe_gauge!("longwave_search_position", "Position up to which messages can be searched.");
            describe_gauge!("longwave_search_lag_events", "Events of the log that search does not know yet.");
        });
        Self { recorder, log, hub, indexer }
    }

    /// Renders the figures of now.
    pub fn render(&self) -> String {
        let head = self.hub.published().position.0;
        let counts = self.hub.counts();
        with_local_recorder(&self.recorder, || {
            gauge!("longwave_log_head").set(head as f64);
            gauge!("longwave_streams").set(counts.streams as f64);
            gauge!("longwave_waiting_polls").set(counts.polls as f64);
            gauge!("longwave_writer_queue").set(self.log.queued() as f64);
            if let Some(reached) = self.indexer.reached() {
                gauge!("longwave_search_position").set(reached.0 as f64);
                gauge!("longwave_search_lag_events").set((head - reached.0).max(0) as f64);
            }
        });
        self.recorder.handle().render()
    }
}
