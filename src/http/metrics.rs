//! How this node is doing, in the text format of Prometheus.

use super::App;
use super::query::NoQuery;
use crate::delivery::Hub;
use crate::domain::Indexer;
use crate::log::Log;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use metrics::{describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

/// A node's own figures. They are read when somebody asks, and kept nowhere else: several nodes in one process do not mix.
pub struct Metrics {
    recorder: PrometheusRecorder,
    log: Log,
    hub: Hub,
    indexer: Indexer,
}

impl Metrics {
    /// Names what is told.
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

    fn render(&self) -> String {
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

/// Figures
///
/// For Prometheus, without a token: nothing of what is written or who writes it is told.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "Operation",
    responses((
        status = 200,
        description = "Gauges of this node",
        body = String,
        content_type = "text/plain",
        example = "# HELP longwave_streams Streams that are open on this node.\n# TYPE longwave_streams gauge\nlongwave_streams 3\n",
    )),
)]
pub async fn get_metrics(State(app): State<App>, _: NoQuery) -> Response {
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, media)], app.metrics.render()).into_response()
}
