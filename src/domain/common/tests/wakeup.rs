use super::*;
use tokio::time::Instant;

const POLL_INTERVAL: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn wait_ends_at_a_wakeup() {
    let (sender, mut wakeups) = watch::channel(0);
    let began = Instant::now();
    sender.send_replace(1);
    wait_for_wakeup(&mut wakeups, POLL_INTERVAL).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn wait_takes_the_poll_interval_when_nobody_wakes_or_can_wake() {
    let (sender, mut wakeups) = watch::channel(0);
    let waits = async |wakeups: &mut watch::Receiver<i32>| {
        let began = Instant::now();
        wait_for_wakeup(wakeups, POLL_INTERVAL).await;
        began.elapsed().as_secs()
    };
    assert_eq!(waits(&mut wakeups).await, POLL_INTERVAL.as_secs());
    drop(sender);
    assert_eq!(waits(&mut wakeups).await, POLL_INTERVAL.as_secs());
}
