use super::*;
use crate::delivery::samples::cursor;
use crate::delivery::waker::LoopWaker;

#[tokio::test(start_paused = true)]
async fn registry_of_a_node_that_lags_behind_the_log_does_not_report_that_postgresql_is_unreachable() {
    let (hub, _inbox) = Hub::detached(cursor(10), LoopWaker::new(|| {}));
    assert!(wait_for_hub(&hub, cursor(10)).await.is_ok());
    let lagging = wait_for_hub(&hub, cursor(11)).await;
    assert!(matches!(lagging, Err(RegistryError::Lagging)), "{lagging:?}");
}
