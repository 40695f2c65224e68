use super::*;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn loads_that_wait_during_a_query_share_the_next_one() {
    let rounds = Arc::new(Mutex::new(Vec::new()));
    let (seen, gate) = (rounds.clone(), Arc::new(tokio::sync::Semaphore::new(0)));
    let hold = gate.clone();
    let squares = DataLoader::start(3, move |keys: Vec<u32>| {
        seen.lock().unwrap().push(keys.clone());
        let hold = hold.clone();
        async move {
            hold.acquire().await.unwrap().forget();
            Ok(keys.into_iter().map(|number| number * number).collect())
        }
    });
    let ask = |number| {
        tokio::spawn({
            let squares = squares.clone();
            async move { squares.load(number).await.unwrap() }
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
async fn failed_query_fails_for_all_its_callers_and_the_next_one_runs() {
    let mut fails = true;
    let rounds = DataLoader::start(8, move |keys: Vec<()>| {
        let failed = std::mem::replace(&mut fails, false);
        async move { if failed { Err(StoreError::Unreachable("down".into())) } else { Ok(keys) } }
    });
    assert!(rounds.load(()).await.is_err());
    assert!(rounds.load(()).await.is_ok());
}

#[tokio::test]
async fn refused_query_is_refused_for_each_of_its_callers() {
    let refused = || StoreError::Query(diesel::result::Error::QueryBuilderError("syntax error".into()));
    let loader: DataLoader<(), ()> = DataLoader::start(8, move |_| async move { Err(refused()) });
    for answer in [loader.load(()).await, loader.load(()).await] {
        assert!(
            matches!(&answer, Err(StoreError::Query(error)) if error.to_string().contains("syntax error")),
            "{answer:?}"
        );
    }
}
