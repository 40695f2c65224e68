use super::*;
use crate::store::{Time, UserRole};
use futures_util::poll;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn user() -> Arc<UserRow> {
    Arc::new(UserRow {
        id: UserId::new(),
        name: "ann".into(),
        display_name: "Ann".into(),
        created_at: Time::UNIX_EPOCH,
        disabled_at: None,
        role: UserRole::User,
    })
}

/// Polls a future, and counts how often.
async fn counted(future: impl Future<Output = ()>, polls: Arc<AtomicUsize>) {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        polls.fetch_add(1, Ordering::Relaxed);
        future.as_mut().poll(context)
    })
    .await;
}

#[tokio::test]
async fn read_mark_is_answered_with_the_error_of_its_write() {
    for (error, is_answered) in [
        (WriteError::Busy, (|answer| matches!(answer, Err(Error::Busy))) as fn(Result<(), Error>) -> bool),
        (WriteError::Failed, |answer| matches!(answer, Err(Error::WriteFailed))),
        (WriteError::Unresolved, |answer| matches!(answer, Err(Error::Unresolved))),
    ] {
        let queue = ReadMarkQueue::start(move |_| async move { Err(error) });
        let answer = queue.mark(user(), ConversationId::new(), Position(1)).await;
        assert!(is_answered(answer), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn read_mark_queue_without_a_handle_sleeps_until_its_marks_are_due() {
    let (written, polls) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let record = written.clone();
    let (queue, run) = ReadMarkQueue::new(move |marks: Vec<MarkOfUser>| {
        record.lock().unwrap().extend(marks.into_iter().map(|(_, mark)| mark.read));
        std::future::ready(Ok(()))
    });
    let task = tokio::spawn(counted(run, polls.clone()));
    let (user, conversation) = (user(), ConversationId::new());
    queue.mark(user.clone(), conversation, Position(1)).await.unwrap();
    {
        let mut second = pin!(queue.mark(user, conversation, Position(2)));
        assert!(poll!(second.as_mut()).is_pending());
    }
    drop(queue);
    tokio::task::yield_now().await;
    let before = polls.load(Ordering::Relaxed);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(polls.load(Ordering::Relaxed) <= before + 2, "polled {} times", polls.load(Ordering::Relaxed) - before);
    task.await.unwrap();
    assert_eq!(*written.lock().unwrap(), [Position(1), Position(2)]);
}
