//! A query coalescer: callers that wait at the same time share one query.

use super::error::StoreError;
use std::future::Future;
use tokio::sync::{mpsc, oneshot};

/// Loads the values of keys, many in one query. A query starts after all of its keys were asked for, so its answers are no
/// older than any of the calls. Cheap to clone.
pub struct DataLoader<K, V>(mpsc::Sender<PendingLoad<K, V>>);

type PendingLoad<K, V> = (K, oneshot::Sender<Result<V, StoreError>>);

impl<K, V> Clone for DataLoader<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Send + 'static, V: Send + 'static> DataLoader<K, V> {
    /// Starts a task that runs `query`, one at a time, with at most `max_keys` keys. `query` returns the values in the order
    /// of the keys. The task ends when the last handle is dropped.
    pub fn start<F>(max_keys: usize, mut query: impl FnMut(Vec<K>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Vec<V>, StoreError>> + Send,
    {
        let (sender, mut asked) = mpsc::channel(max_keys);
        tokio::spawn(async move {
            let mut waiting: Vec<PendingLoad<K, V>> = Vec::new();
            while asked.recv_many(&mut waiting, max_keys).await > 0 {
                let (keys, replies): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
                reply(replies, query(keys).await);
            }
        });
        Self(sender)
    }

    /// Waits for the value of a key.
    ///
    /// # Errors
    /// The error of the query, for each of its callers; [`StoreError::Unreachable`] if the task has panicked.
    pub async fn load(&self, key: K) -> Result<V, StoreError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.0.send((key, reply)).await.is_ok();
        match answer.await {
            Ok(answer) if asked => answer,
            _ => Err(StoreError::Unreachable("the loader has ended".into())),
        }
    }
}

fn reply<V>(replies: Vec<oneshot::Sender<Result<V, StoreError>>>, answers: Result<Vec<V>, StoreError>) {
    // A caller that is gone has dropped its receiver: then the reply is dropped too.
    match answers {
        Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(Ok(answer)))),
        Err(error) => replies.into_iter().for_each(|reply| drop(reply.send(Err(error.for_another_caller())))),
    }
}

#[cfg(test)]
#[path = "tests/data_loader.rs"]
mod tests;
