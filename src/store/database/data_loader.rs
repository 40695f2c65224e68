use crate::store::database::error::StoreError;
use std::future::Future;
use tokio::sync::{mpsc, oneshot};

/// Questions that are answered in rounds: those that wait together cost one query. Each round begins after all of its
/// questions were asked, so what it answers is no older than any of them. Cheap to clone.
pub struct DataLoader<Q, A>(mpsc::Sender<PendingLoad<Q, A>>);

type PendingLoad<Q, A> = (Q, oneshot::Sender<Result<A, StoreError>>);

impl<Q, A> Clone for DataLoader<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q: Send + 'static, A: Send + 'static> DataLoader<Q, A> {
    /// Starts to answer, at most `most` questions in one round, of which there is one at a time. `round` answers each
    /// question at its place. It ends when the last handle is dropped.
    pub fn start<F>(most: usize, mut round: impl FnMut(Vec<Q>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Vec<A>, StoreError>> + Send,
    {
        let (sender, mut asked) = mpsc::channel(most);
        tokio::spawn(async move {
            let mut waiting: Vec<PendingLoad<Q, A>> = Vec::new();
            while asked.recv_many(&mut waiting, most).await > 0 {
                let (questions, replies): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
                reply(replies, round(questions).await);
            }
        });
        Self(sender)
    }

    /// Waits for the answer to a question.
    ///
    /// # Errors
    /// [`StoreError`], the same for the whole round.
    pub async fn load(&self, question: Q) -> Result<A, StoreError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.0.send((question, reply)).await.is_ok();
        match answer.await {
            Ok(answer) if asked => answer,
            _ => Err(StoreError::Unreachable("nobody answers".into())),
        }
    }
}

fn reply<A>(replies: Vec<oneshot::Sender<Result<A, StoreError>>>, answers: Result<Vec<A>, StoreError>) {
    match answers {
        // Who asked may have given up.
        Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(Ok(answer)))),
        Err(error) => {
            let told = error.to_string();
            replies.into_iter().for_each(|reply| drop(reply.send(Err(StoreError::Unreachable(told.clone().into())))));
        }
    }
}

#[cfg(test)]
#[path = "tests/data_loader.rs"]
mod tests;
