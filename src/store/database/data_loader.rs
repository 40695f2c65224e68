use super::StoreError;
use std::future::Future;
use tokio::sync::{mpsc, oneshot};

/// Questions that are answered in rounds: those that wait together cost one query. Each round begins after all of its
/// questions were asked, so what it answers is no older than any of them. Cheap to clone.
pub struct Rounds<Q, A>(mpsc::Sender<Asked<Q, A>>);

type Asked<Q, A> = (Q, oneshot::Sender<Result<A, StoreError>>);

impl<Q, A> Clone for Rounds<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q: Send + 'static, A: Send + 'static> Rounds<Q, A> {
    /// Starts to answer, at most `most` questions in one round, of which there is one at a time. `round` answers each
    /// question at its place. It ends when the last handle is dropped.
    pub fn start<F>(most: usize, mut round: impl FnMut(Vec<Q>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Vec<A>, StoreError>> + Send,
    {
        let (sender, mut asked) = mpsc::channel(most);
        tokio::spawn(async move {
            let mut waiting: Vec<Asked<Q, A>> = Vec::new();
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
    pub async fn ask(&self, question: Q) -> Result<A, StoreError> {
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
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn what_waits_while_a_round_runs_is_answered_in_the_next() {
        let rounds = Arc::new(Mutex::new(Vec::new()));
        let (seen, gate) = (rounds.clone(), Arc::new(tokio::sync::Semaphore::new(0)));
        let hold = gate.clone();
        let squares = Rounds::start(3, move |questions: Vec<u32>| {
            seen.lock().unwrap().push(questions.clone());
            let hold = hold.clone();
            async move {
                hold.acquire().await.unwrap().forget();
                Ok(questions.into_iter().map(|number| number * number).collect())
            }
        });
        let ask = |number| {
            tokio::spawn({
                let squares = squares.clone();
                async move { squares.ask(number).await.unwrap() }
            })
        };
        let first = ask(1);
        while rounds.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (2..=5).map(ask).collect();
        tokio::task::yield_now().await;
        gate.add_permits(3);
        assert_eq!(first.await.unwrap(), 1);
        for (number, answer) in (2..=5).zip(others) {
            assert_eq!(answer.await.unwrap(), number * number);
        }
        assert_eq!(*rounds.lock().unwrap(), [vec![1], vec![2, 3, 4], vec![5]]);
    }

    #[tokio::test]
    async fn a_round_that_fails_fails_for_all_of_it_and_the_next_one_runs() {
        let mut fails = true;
        let rounds = Rounds::start(8, move |questions: Vec<()>| {
            let failed = std::mem::replace(&mut fails, false);
            async move { if failed { Err(StoreError::Unreachable("down".into())) } else { Ok(questions) } }
        });
        assert!(rounds.ask(()).await.is_err());
        assert!(rounds.ask(()).await.is_ok());
    }
}
