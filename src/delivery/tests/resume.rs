use super::*;
use crate::delivery::samples::cursor;
use crate::delivery::waker::LoopWaker;

#[tokio::test(start_paused = true)]
async fn node_that_lags_behind_the_log_is_told_apart_from_a_postgresql_that_does_not_answer() {
    let (hub, _inbox) = Hub::detached(cursor(10), LoopWaker::new(|| {}));
    assert!(wait_until_published(&hub, cursor(10)).await.is_ok());
    let lagging = wait_until_published(&hub, cursor(11)).await;
    assert!(matches!(lagging, Err(ResumeError::Lagging)), "{lagging:?}");
}
