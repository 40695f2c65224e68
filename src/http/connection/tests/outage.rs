use super::*;

#[tokio::test(start_paused = true)]
async fn outage_is_logged_once_however_long_it_lasts_and_again_after_a_minute_without_one() {
    let (mut log, mut backoff) = (OutageLog::default(), AcceptBackoff::default());
    let mut logged = 0;
    for _ in 0..1_000 {
        logged += usize::from(log.fail());
        tokio::time::advance(backoff.wait()).await;
    }
    assert_eq!(logged, 1);
    tokio::time::advance(OUTAGE_GAP).await;
    assert!(log.fail());
}

#[test]
fn backoff_doubles_up_to_a_second() {
    let mut backoff = AcceptBackoff::default();
    let waits: Vec<_> = (0..9).map(|_| backoff.wait().as_millis()).collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
}
