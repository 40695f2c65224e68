use super::appended_batch::{AppendOutcome, AppendedBatch};
use super::appender::Appender;
use super::batch::SendBatch;
use super::changes::change::ApplyOutcome;
use super::changes::pending::PendingChange;
use super::commit_feed::{self, CommitFeed, CommitFeedSender, CommittedBatch};
use super::error::{AttemptError, WriteError};
use super::queue::{QueueEntry, QueuedSend, SendOutcome, Writer};
use super::retry::RetryState;
use crate::ids::Epoch;
use crate::log::cursor::Cursor;
use crate::log::event::Event;
use crate::shutdown::Shutdown;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Starts the writer; it ends when the last [`Writer`] is dropped and nothing waits.
pub fn start<A: Appender>(appender: A, shutdown: &Shutdown) -> (Writer, CommitFeed) {
    let (commits, feed) = commit_feed::channel();
    let committed = watch::Sender::new(None);
    let (writer, queue) = Writer::new(committed.subscribe());
    shutdown.spawn_to_completion(WriterTask { appender, queue, next: None, commits, committed }.run());
    (writer, feed)
}

struct WriterTask<A> {
    appender: A,
    queue: mpsc::Receiver<QueueEntry>,
    /// The entry that ended the last batch.
    next: Option<QueueEntry>,
    commits: CommitFeedSender,
    /// The last position that was committed.
    committed: watch::Sender<Option<Cursor>>,
}

impl<A: Appender> WriterTask<A> {
    async fn run(mut self) {
        loop {
            let entry = match self.next.take() {
                Some(entry) => entry,
                None => match self.queue.recv().await {
                    Some(entry) => entry,
                    None => return,
                },
            };
            match entry {
                QueueEntry::Send(send) => {
                    let batch = self.gather(send);
                    self.append(batch, RetryState::new(self.appender.known())).await;
                }
                QueueEntry::Change(change) => self.change(change).await,
            }
        }
    }

    /// Takes all that waits, up to the first entry that must come after this batch.
    fn gather(&mut self, first: QueuedSend) -> SendBatch {
        let mut batch = SendBatch::default();
        let mut entry = QueueEntry::Send(first);
        loop {
            match entry {
                QueueEntry::Send(send) if send.reply.is_closed() => {}
                QueueEntry::Send(send) if batch.takes(&send) => batch.add(send),
                QueueEntry::Send(_) | QueueEntry::Change(_) => {
                    self.next = Some(entry);
                    return batch;
                }
            }
            match self.queue.try_recv() {
                Ok(more) => entry = more,
                Err(_) => return batch,
            }
        }
    }

    /// Appends a batch, again and again while its outcome is unknown.
    async fn append(&mut self, batch: SendBatch, mut retry: RetryState) {
        while !batch.sends.is_empty() {
            self.commits.begin();
            let appended = self.appender.append(&batch.events()).await;
            if appended.is_err() {
                self.commits.end();
            }
            match appended {
                Ok(done) => return self.answer(batch, done, &retry),
                Err(AttemptError::Refused(cause)) if batch.sends.len() == 1 => {
                    tracing::error!(cause, "PostgreSQL refused an event");
                    return batch
                        .sends
                        .into_iter()
                        .for_each(|send| reply(send.reply, Err(retry.ended_by(WriteError::Failed))));
                }
                // One bad event must fail alone.
                Err(AttemptError::Refused(_)) => {
                    for send in batch.sends {
                        let mut single = SendBatch::default();
                        single.add(send);
                        Box::pin(self.append(single, retry.clone())).await;
                    }
                    return;
                }
                Err(error) => {
                    let abandoned = batch.sends.iter().all(|send| send.reply.is_closed());
                    if retry.give_up(&error, abandoned) {
                        return;
                    }
                    retry.back_off().await;
                }
            }
        }
    }

    fn answer(&self, batch: SendBatch, done: AppendedBatch, retry: &RetryState) {
        let mut events = Vec::with_capacity(batch.sends.len());
        let mut replies = Vec::with_capacity(batch.sends.len());
        for (send, outcome) in batch.sends.into_iter().zip(done.outcomes) {
            let answer = match outcome {
                AppendOutcome::Appended(position) => {
                    let event = Arc::new(send.event.at(position, done.epoch, done.created_at));
                    events.push(event.clone());
                    Ok(SendOutcome::Appended(event))
                }
                AppendOutcome::Known(position) if retry.is_own(position) => Ok(SendOutcome::Recovered(position)),
                AppendOutcome::Known(position) => Ok(SendOutcome::Replayed(position)),
                AppendOutcome::Reused => Err(WriteError::Reused),
                AppendOutcome::Taken => Err(WriteError::Taken),
                AppendOutcome::NotMember => Err(WriteError::NotMember),
            };
            replies.push((send.reply, answer));
        }
        // Before the answers: a caller that then reads from this node finds its event on the way.
        self.publish(done.epoch, events);
        self.commits.end();
        replies.into_iter().for_each(|(to, answer)| reply(to, answer));
    }

    /// Applies a change, again and again while its outcome is unknown.
    async fn change(&mut self, mut change: PendingChange) {
        let mut retry = RetryState::new(self.appender.known());
        while retry.is_unknown() || !change.is_abandoned() {
            self.commits.begin();
            let changed = self.appender.change(&mut change).await;
            if let Ok((ApplyOutcome::Applied(events), epoch)) = &changed {
                self.publish(*epoch, events.clone());
            }
            self.commits.end();
            match changed {
                Ok((outcome, _)) => return change.finish(Ok(outcome)),
                // Also after an attempt of unknown outcome: it would be refused again and again, and hold up all that waits.
                Err(AttemptError::Refused(cause)) => {
                    tracing::error!(cause, "PostgreSQL refused a change");
                    return change.finish(Err(retry.ended_by(WriteError::Failed)));
                }
                // Each attempt holds the log's lock while it waits for the row. So there is another one only where an earlier
                // attempt may still be committed: only a repeat finds out.
                Err(AttemptError::Locked(cause)) if !retry.is_unknown() => {
                    tracing::warn!(cause, "a change waited too long for a row");
                    return change.finish(Err(WriteError::Locked));
                }
                Err(error) => {
                    if retry.give_up(&error, change.is_abandoned()) {
                        return;
                    }
                    retry.back_off().await;
                }
            }
        }
    }

    fn publish(&self, epoch: Epoch, events: Vec<Arc<Event>>) {
        if let Some(last) = events.last() {
            self.committed.send_replace(Some(Cursor { epoch, position: last.position }));
            self.commits.put(CommittedBatch { epoch, events });
        }
    }
}

fn reply<T>(to: oneshot::Sender<T>, answer: T) {
    // The caller may have given up.
    let _ = to.send(answer);
}

#[cfg(test)]
#[path = "tests/task.rs"]
mod tests;
